# siplet boards: what is known and what is on a cable. Imports board, console, click.

import click

from siplet_tools import console


@click.command(epilog="\b\nExamples:\n  siplet boards\n  siplet boards --json | jq '.attached[].port'")
@click.option("-p", "--port", help="That serial port alone, whatever is behind it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document for a script.")
@click.option("--fast", is_flag=True, help="Do not open the ports: what USB tells alone.")
def command(port, as_json, fast):
    """Lists the boards that siplet knows, and those that are attached.

    An attached board is asked who it is, which interrupts what it does for a moment; --fast leaves it alone.
    """
    from siplet_tools.board import catalog, listing

    console.json_mode(as_json)
    known = catalog.boards()
    with console.progress("asking the boards", unit="boards") as step:
        found = listing.attached(ask=not fast, progress=step, port=port)
    if as_json:
        console.result({"known": list(known.values()), "attached": [one.as_dict() for one in found]})
        return
    console.say("Known boards (boards/)", bold=True)
    console.table(("name", "what", "port"), [(name, one["title"], one["port"]) for name, one in known.items()])
    console.say()
    console.say("Attached", bold=True)
    if not found:
        console.say("none: connect one by USB (a cable with data lines), or start one: siplet virtual")
        return
    console.table(("port", "what", "chip", "MAC", "MicroPython", "siplet"), [one.row() for one in found])
