# siplet provision fleet: one board after the other. Imports board, console, click.

import os
import time

import click

from siplet_tools import console


@click.command("fleet", epilog="\b\nExample:\n  siplet provision fleet template.toml doors.csv")
@click.argument("template", type=click.Path(dir_okay=False))
@click.argument("csv_file", metavar="CSV", type=click.Path(dir_okay=False))
@click.option("--results", help="The file that tells what was done; CSV's name with .results.csv otherwise.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def fleet(template, csv_file, results, dry_run):
    """Each board that is plugged in gets its row of CSV: the one with its MAC, or the next.

    The first line of CSV names the columns: keys (sip.password), `mac`, or names that TEMPLATE uses in its texts, as in
    address = "sip:{extension}@pbx.example". Run it again to go on where it stopped.
    """
    from siplet_tools.board import fleet as fleets
    from siplet_tools.board import settings

    console.json_mode(False)
    rows = fleets.read(csv_file, template, None if dry_run else console.secret)
    log = fleets.Results(results or os.path.splitext(csv_file)[0] + ".results.csv")
    log.check(rows)
    todo = log.left(rows)
    console.say(f"{len(rows)} rows, all of them good; {len(rows) - len(todo)} done, {len(todo)} to do")
    if dry_run:
        for row in todo:
            address = settings.masked("sip.address", row.config["sip.address"])
            console.say(f"line {row.line}  {row.mac or 'next board'}  {address}")
        return 0
    seen = set()
    while log.left(rows):
        _provision_one(_next_board(seen), rows, log)
    console.verdict("ok", f"all {len(rows)} boards are done: {log.path}")
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
            seen.add(fresh[0])
            return fresh[0]
        if not told:
            console.say("plug in the next board (Ctrl-C stops; the same command goes on)")
            told = True
        time.sleep(0.3)


def _provision_one(port, rows, log):
    from siplet_tools.board import catalog, settings
    from siplet_tools.board.visit import visit
    from siplet_tools.errors import ToolError

    row, mac = None, ""
    try:
        with console.progress(f"asking the board at {port}", unit="steps", lines=False), visit(port) as link:
            facts = link.facts()
            mac, board = facts.mac, facts.board or catalog.fitting(facts)
            row = log.row_for(rows, mac)
            if row is None:
                console.verdict("note", f"{port}: {mac}: no row is left for this board")
                return
            log.add(row, mac, "begun")
            try:
                old = settings.read_board(link)
            except settings.Damaged:
                old = {}
            new = settings.merged(old, row.config, board if board in catalog.boards() else "")
            settings.check(new, f"line {row.line}")
            with console.progress(f"line {row.line}: writing the configuration", lines=False) as step:
                settings.write_board(link, new, step)
            log.add(row, mac, "ok")
    except ToolError as error:
        if not row or log.state(row) != "ok":
            console.verdict("failed", f"line {row.line}: {error}" if row else str(error))
            if row:
                log.add(row, mac, "failed", error)
            return
    console.verdict("ok", f"line {row.line}: {mac} is {row.name}; unplug it")
