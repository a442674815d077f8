# siplet provision: a board's configuration. Imports board, console, click.

import os
import time

import click

from siplet_tools import console
from siplet_tools.errors import USAGE, ToolError

EXAMPLES = """\b
Examples:
  siplet provision door.toml                     this file is the board's configuration
  siplet provision diff door.toml                what would change
  siplet provision set doorphone.relay_ms=5000   one setting
  siplet provision set sip.password              asks for it, without an echo
  siplet provision show
  siplet provision fleet template.toml doors.csv one board after the other
"""
_PORT = click.option("-p", "--port", help="The board's serial port; needed when there are several.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document for a script.")
_DRY = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


class _Group(click.Group):
    """`siplet provision FILE` is `siplet provision apply FILE`."""

    def resolve_command(self, context, arguments):
        if arguments and arguments[0] not in self.commands and arguments[0][:1] != "-":
            if not os.path.exists(arguments[0]) and "." not in arguments[0]:
                raise ToolError(
                    f"{arguments[0]}: is neither a file nor one of {', '.join(sorted(self.commands))}", USAGE
                )
            arguments = ["apply", *arguments]
        return super().resolve_command(context, arguments)


@click.group(cls=_Group, epilog=EXAMPLES)
def command():
    """Wi-Fi, SIP accounts, pins and the application's settings, onto one board or a fleet.

    FILE.toml is checked by the firmware's own table before the board is touched; the board has its old configuration or
    the new one, never a part. Passwords may stand in the file, or come from the environment or a prompt:
    password = { env = "DOOR_PASSWORD" }, password = { prompt = "SIP password" }.
    """


def _ask(text):
    return click.prompt(console.clean(text), hide_input=True, err=True)


def _open(port):
    from siplet_tools.board import ports
    from siplet_tools.board.link import Link

    return Link.open(ports.choose(port))


def _tell(changes):
    from siplet_tools.board import settings

    for key, old, new in changes:
        if settings.is_secret(key):
            console.say(f"  {key}  " + ("new" if old is None else "removed" if new is None else "changed"))
        elif old is None:
            console.say(f"+ {key} = {settings.masked(key, new)}")
        elif new is None:
            console.say(f"- {key} = {settings.masked(key, old)}")
        else:
            console.say(f"~ {key} = {settings.masked(key, new)}  (was {settings.masked(key, old)})")


def _write(link, old, new, dry_run, as_json):
    # Puts the new configuration there, and tells what differs
    from siplet_tools.board import settings

    settings.check(new)
    changes = settings.differences(old, new)
    if as_json:
        console.result({"changed": [key for key, _, _ in changes], "done": bool(changes) and not dry_run})
    _tell(changes)
    if not changes:
        console.verdict("ok", "nothing to change: the board has this configuration")
    elif not dry_run:
        with console.progress("writing the configuration", unit="steps"):
            settings.write_board(link, new)
        console.verdict("ok", f"{len(changes)} settings changed")
    if not dry_run:
        link.restart()


@command.command("apply", epilog="\b\nExample:\n  siplet provision apply door.toml --dry-run")
@click.argument("file", type=click.Path(dir_okay=False))
@_PORT
@_DRY
@_JSON
def apply(file, port, dry_run, as_json):
    """FILE becomes the board's configuration. Wi-Fi that it does not name stays as it is on the board."""
    from siplet_tools.board import settings

    console.json_mode(as_json)
    new = settings.read_toml(file, _ask)
    settings.check(new, file)
    with _open(port) as link:
        old = settings.read_board(link)
        _write(link, old, settings.merged(old, new), dry_run, as_json)


@command.command("diff", epilog="\b\nExample:\n  siplet provision diff door.toml")
@click.argument("file", type=click.Path(dir_okay=False))
@_PORT
@_JSON
def diff(file, port, as_json):
    """What FILE would change on the board. Exit status 1 when something would."""
    from siplet_tools.board import settings

    console.json_mode(as_json)
    new = settings.read_toml(file, _ask)
    settings.check(new, file)
    with _open(port) as link:
        old = settings.read_board(link)
        link.restart()
    changes = settings.differences(old, settings.merged(old, new))
    if as_json:
        console.result({"changed": [key for key, _, _ in changes]})
    _tell(changes)
    if not changes:
        console.verdict("ok", "no difference")
    return 1 if changes else 0


@command.command("show", epilog="\b\nExample:\n  siplet provision show --all")
@click.option("--all", "everything", is_flag=True, help="Every key there is, with its default and what it is for.")
@_PORT
@_JSON
def show(everything, port, as_json):
    """The board's configuration; passwords as stars."""
    from siplet_tools.board import settings

    console.json_mode(as_json)
    with _open(port) as link:
        flat = settings.read_board(link)
        link.restart()
    if as_json:
        console.result({key: settings.MASK if settings.is_secret(key) else value for key, value in flat.items()})
        return
    rows = [(key, settings.masked(key, value), "") for key, value in flat.items()]
    if everything:
        rows = [
            (key, settings.masked(key, flat[key]) if key in flat else f"({settings.masked(key, row[1])})", row[4])
            for key, row in settings.table().items()
        ]
    if not rows:
        console.say("the board has no configuration yet: siplet provision FILE.toml")
        return
    console.table(("key", "value", "what for") if everything else ("key", "value", ""), rows)


@command.command("get", epilog="\b\nExample:\n  siplet provision get sip.address")
@click.argument("key")
@_PORT
def get(key, port):
    """The value of one KEY, by itself; a password as stars. Exit status 1 when the board has its default."""
    from siplet_tools.board import settings

    rows = settings.table()
    if key not in rows:
        settings.parse(key, "")
    with _open(port) as link:
        flat = settings.read_board(link)
        link.restart()
    click.echo(console.clean(settings.masked(key, flat.get(key, rows[key][1]))))
    return 0 if key in flat else 1


@command.command(
    "set",
    epilog="\b\nExamples:\n  siplet provision set app=echo sip.expires=120\n  siplet provision set wifi.password"
    "\n  siplet provision set --env sip.password=DOOR_PASSWORD\n  siplet provision set --unset sip.proxy",
)
@click.argument("assignments", nargs=-1, metavar="[KEY=VALUE | KEY]...")
@click.option("--env", "from_env", multiple=True, metavar="KEY=NAME", help="The value of KEY from the environment.")
@click.option("--unset", multiple=True, metavar="KEY", help="Back to its default.")
@_PORT
@_DRY
@_JSON
def set_(assignments, from_env, unset, port, dry_run, as_json):
    """Changes some settings and leaves the others. A KEY without a value is asked for, without an echo."""
    from siplet_tools.board import settings

    console.json_mode(as_json)
    changes = {}
    for text in assignments:
        key, given, value = text.partition("=")
        if given and settings.is_secret(key):
            raise ToolError(
                f"{key}: everybody can read a command line: siplet provision set {key} asks for it",
                USAGE,
            )
        settings.parse(key, value if given else "1")
        changes[key] = settings.parse(key, value if given else _ask(key))
    for text in from_env:
        key, _, name = text.partition("=")
        if name not in os.environ:
            raise ToolError(f"{key}: the environment has no {name or 'NAME; say --env KEY=NAME'}", USAGE)
        changes[key] = settings.parse(key, os.environ[name])
    if not changes and not unset:
        raise ToolError("what should be set? siplet provision set KEY=VALUE", USAGE)
    for key in unset:
        if key not in settings.table():
            settings.parse(key, "")
    with _open(port) as link:
        old = settings.read_board(link)
        new = {key: value for key, value in {**old, **changes}.items() if key not in unset}
        _write(link, old, new, dry_run, as_json)


@command.command("fleet", epilog="\b\nExample:\n  siplet provision fleet template.toml doors.csv")
@click.argument("template", type=click.Path(dir_okay=False))
@click.argument("csv_file", metavar="CSV", type=click.Path(dir_okay=False))
@click.option("--results", help="The file that tells what was done; CSV's name with .results.csv otherwise.")
@_DRY
def fleet(template, csv_file, results, dry_run):
    """Each board that is plugged in gets its row of CSV: the one with its MAC, or the next.

    The first line of CSV names the columns: keys (sip.password), `mac`, or names that TEMPLATE uses in its texts, as in
    address = "sip:{extension}@pbx.example". Run it again to go on where it stopped.
    """
    from siplet_tools.board import fleet as fleets
    from siplet_tools.board import settings

    rows = fleets.read(csv_file, template, _ask)
    log = fleets.Results(results or os.path.splitext(csv_file)[0] + ".results.csv")
    todo = fleets.left(rows, log.done())
    console.say(f"{len(rows)} rows, all of them good; {len(rows) - len(todo)} done, {len(todo)} to do")
    if dry_run:
        for row in todo:
            shown = {key: value for key, value in row.config.items() if not settings.is_secret(key)}
            console.say(f"line {row.line}  {row.mac or 'next board'}  {shown.get('sip.address', '')}")
        return 0
    seen = set()
    while fleets.left(rows, log.done()):
        port = _next_board(seen)
        _provision_one(port, rows, log, seen)
    failed = {entry["line"] for entry in log.entries} - {str(line) for line in log.done()}
    console.verdict(
        "ok", f"all {len(rows)} boards are done: {log.path}" + (f"; {len(failed)} failed" if failed else "")
    )
    return 0


def _next_board(seen):
    # The port of a board that has not had its turn; one that was unplugged may come again
    from siplet_tools.board import ports

    told = False
    while True:
        there = [one.port for one in ports.attached()]
        seen &= set(there)
        fresh = [port for port in there if port not in seen]
        if fresh:
            return fresh[0]
        if not told:
            console.say("plug in the next board (Ctrl-C stops; the same command goes on)")
            told = True
        time.sleep(0.3)


def _provision_one(port, rows, log, seen):
    from siplet_tools.board import fleet as fleets
    from siplet_tools.board import settings
    from siplet_tools.board.link import Link

    seen.add(port)
    row, mac = None, ""
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    try:
        with Link.open(port) as link:
            mac = link.facts().mac
            row = fleets.assign(rows, log.done(), mac)
            if row is None:
                console.verdict("note", f"{port}: {mac}: no row is left for this board")
                return
            old = settings.read_board(link)
            settings.write_board(link, settings.merged(old, row.config))
            link.restart()
    except ToolError as error:
        console.verdict("failed", str(error))
        if row:
            log.add(row.line, mac, now, "failed", error)
        return
    log.add(row.line, mac, now, "ok", row.config.get("sip.address", ""))
    console.verdict("ok", f"line {row.line}: {mac} is {row.config.get('sip.address', 'provisioned')}; unplug it")
