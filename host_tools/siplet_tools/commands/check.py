# siplet check: the board tests itself. Imports board, console, click.

import contextlib
import sys

import click

from siplet_tools import console
from siplet_tools.commands import Seconds
from siplet_tools.errors import ToolError

_EXAMPLES = """\b
Examples:
  siplet check                         all of it; it asks you to press the bell
  siplet check --only wifi,registration
  siplet check --no-ask --json         for a script, with nobody beside the board
  siplet check --list
"""


@click.command(epilog=_EXAMPLES)
@click.option("-p", "--port", help="The board's serial port; needed when there are several.")
@click.option("--only", default="", metavar="NAME,...", help="These checks alone; --list names them.")
@click.option("--list", "listed", is_flag=True, help="Names the checks, and does nothing.")
@click.option("--no-ask", is_flag=True, help="Ask nobody to press or to listen.")
@click.option(
    "--wait", "seconds", type=Seconds(0.5, 60), default=8, show_default=True, help="For a server, in seconds."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document for a script.")
def command(port, only, listed, no_ask, seconds, as_json):
    """The board tests itself: a verdict a line, and what to do about each that is not well.

    Its application is interrupted meanwhile and starts anew at the end. The relay is switched on for half a second: the
    door may open. Exit status 1 when something failed.
    """
    from siplet_tools.board import checking, checks, ports
    from siplet_tools.board.link import Link

    console.json_mode(as_json)
    if listed:
        if as_json:
            console.result({name: check.title for name, check in checks.TABLE.items()})
        else:
            console.table(("check", "what"), [(name, check.title) for name, check in checks.TABLE.items()])
        return 0
    chosen = [name.strip() for name in only.split(",") if name.strip()]
    checking.names(chosen)
    asks = not no_ask and sys.stdin.isatty()  # else nobody would answer
    ask = console.confirm if asks else None
    port = ports.choose(port)
    found, error = [], None
    try:
        with console.progress("checking", unit="checks", lines=False) as step, Link.open(port) as link:
            options = checking.Options(ask, console.say, console.busy, step, wait_s=seconds)
            with contextlib.closing(checking.run(link, chosen, options)) as verdicts:
                for verdict in verdicts:
                    found.append(verdict)
                    console.verdict(verdict.kind, f"{verdict.check:<13} {verdict.text}", verdict.advice)
    except ToolError as trouble:
        error = trouble
    failed = [verdict for verdict in found if verdict.kind == "failed"]
    if as_json:
        document = {"port": port, "ok": not failed and error is None}
        if error:
            document["error"] = str(error)
        console.result({**document, "checks": [verdict.as_dict() for verdict in found]})
    if error:
        raise error
    return 1 if failed else 0
