# siplet provision: a board's configuration. Imports board, console, click.

import contextlib
import os

import click

from siplet_tools import console
from siplet_tools.commands.provision_fleet import fleet
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
_SIGNS = {(True, False): "+", (False, True): "-", (False, False): "~"}
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


@contextlib.contextmanager
def _open(port):
    from siplet_tools.board import ports
    from siplet_tools.board.visit import visit

    with contextlib.ExitStack() as stack:
        with console.progress("asking the board", unit="steps", lines=False):
            link = stack.enter_context(visit(ports.choose(port)))
        yield link


def _old(link):
    # (the configuration that the board has, the name of its kind): a damaged one is told, and counts as none
    from siplet_tools.board import catalog, settings

    facts = link.facts()
    board = facts.board or catalog.fitting(facts)
    try:
        old = settings.read_board(link)
    except settings.Damaged:
        console.verdict("note", "the configuration on the board is damaged: all of it is written anew")
        old = {}
    return old, board if board in catalog.boards() else ""


def _tell(changes):
    from siplet_tools.board import settings

    for key, old, new in changes:
        if settings.is_secret(key):
            console.say(f"{_SIGNS[old is None, new is None]} {key}  ({settings.MASK})")
        elif old is None:
            console.say(f"+ {key} = {settings.masked(key, new)}")
        elif new is None:
            console.say(f"- {key} = {settings.masked(key, old)}")
        else:
            console.say(f"~ {key} = {settings.masked(key, new)}  (was {settings.masked(key, old)})")


def _as_list(changes):
    from siplet_tools.board import settings

    return [
        {"key": key, "old": old and settings.shown(key, old), "new": new and settings.shown(key, new)}
        for key, old, new in changes
    ]


def _write(link, old, new, dry_run, as_json):
    # Puts the new configuration there, and tells what differs
    from siplet_tools.board import settings

    settings.check(new)
    changes = settings.differences(old, new)
    _tell(changes)
    if not changes:
        console.verdict("ok", "nothing to change: the board has this configuration")
    elif not dry_run:
        with console.progress("writing the configuration") as step:
            settings.write_board(link, new, step)
        console.verdict("ok", f"{len(changes)} settings changed")
    if as_json:
        console.result({"changes": _as_list(changes), "done": not dry_run})


@command.command("apply", epilog="\b\nExample:\n  siplet provision apply door.toml --dry-run")
@click.argument("file", type=click.Path(dir_okay=False))
@_PORT
@_DRY
@_JSON
def apply(file, port, dry_run, as_json):
    """FILE becomes the board's configuration.

    Wi-Fi and pins stay as they are on the board when FILE has none; who has no pins gets the usual ones of its kind.
    """
    from siplet_tools.board import settings

    console.json_mode(as_json)
    new = settings.read_toml(file, console.secret)
    settings.check(new, file)
    with _open(port) as link:
        old, board = _old(link)
        _write(link, old, settings.merged(old, new, board), dry_run, as_json)


@command.command("diff", epilog="\b\nExample:\n  siplet provision diff door.toml")
@click.argument("file", type=click.Path(dir_okay=False))
@_PORT
@_JSON
def diff(file, port, as_json):
    """What FILE would change on the board. Exit status 1 when something would."""
    from siplet_tools.board import settings

    console.json_mode(as_json)
    new = settings.read_toml(file, console.secret)
    settings.check(new, file)
    with _open(port) as link:
        old, board = _old(link)
    changes = settings.differences(old, settings.merged(old, new, board))
    if as_json:
        console.result({"changes": _as_list(changes)})
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
    if as_json:
        console.result({key: settings.shown(key, value) for key, value in flat.items()})
        return
    rows = [(key, settings.masked(key, value), "") for key, value in flat.items()]
    if everything:
        rows = [
            (key, settings.masked(key, flat[key]) if key in flat else _default(key, row), row[4])
            for key, row in settings.table().items()
        ]
    if not rows:
        console.say("the board has no configuration yet: siplet provision FILE.toml")
        return
    console.table(("key", "value", "what for") if everything else ("key", "value", ""), rows)


def _default(key, row):
    # In brackets what holds when a key is not given
    from siplet_tools.board import settings

    value = row[1].split()[0] if row[0] == "choice" else row[1]
    return "" if value in (None, "", ()) else f"({settings.masked(key, value)})"


@command.command("get", epilog="\b\nExample:\n  siplet provision get sip.address")
@click.argument("key")
@_PORT
def get(key, port):
    """The value of one KEY, by itself; a password as stars. Exit status 1 when the board has its default."""
    from siplet_tools.board import settings

    rows = settings.table()
    if key not in rows:
        raise ToolError(settings.unknown(key), USAGE)
    with _open(port) as link:
        flat = settings.read_board(link)
    click.echo(console.clean(settings.masked(key, flat[key]) if key in flat else _default(key, rows[key]).strip("()")))
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
    changes, asked = {}, []
    for text in assignments:
        key, given, value = text.partition("=")
        if key not in settings.table():
            raise ToolError(settings.unknown(key), USAGE)
        if given and (settings.is_secret(key) or settings.shown(key, value) != value):  # sip:me:password@server
            raise ToolError(f"{key}: everybody can read a command line: siplet provision set {key} asks for it", USAGE)
        if given:
            changes[key] = settings.parse(key, value)
        else:
            asked.append(key)
    for text in from_env:
        key, _, name = text.partition("=")
        if name not in os.environ:
            raise ToolError(f"{key}: the environment has no {name or 'NAME; say --env KEY=NAME'}", USAGE)
        changes[key] = settings.parse(key, os.environ[name])
    if not changes and not unset and not asked:
        raise ToolError("what should be set? siplet provision set KEY=VALUE", USAGE)
    for key in asked:
        changes[key] = settings.parse(key, console.secret(key))
    with _open(port) as link:
        old = settings.read_board(link)
        for key in unset:  # one that an older siplet had may go as well
            if key not in old and key not in settings.table():
                raise ToolError(settings.unknown(key), USAGE)
        new = {key: value for key, value in {**old, **changes}.items() if key not in unset}
        _write(link, old, new, dry_run, as_json)


command.add_command(fleet)
