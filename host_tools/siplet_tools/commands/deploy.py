# siplet deploy: siplet onto a board. Imports board, console, click.

import contextlib

import click

from siplet_tools import console


@click.command(
    epilog="\b\nExamples:\n  siplet deploy\n  siplet deploy --app doorphone --board esp32s3\n  siplet deploy --dry-run"
    "\n  siplet deploy --lines            then siplet monitor shows where an exception came from"
)
@click.option("-p", "--port", help="The board's serial port; needed when there are several.")
@click.option("--board", help="Which of the known boards it is; else what is on it, or by its chip.")
@click.option("--app", help="The application; else what is on it, or doorphone.")
@click.option("--romfs", is_flag=True, help="As a ROMFS image, whose code runs from flash and leaves the heap free.")
@click.option("--lines", is_flag=True, help="With line numbers, which siplet monitor explains; takes more of the heap.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document for a script.")
def command(port, board, app, romfs, lines, dry_run, as_json):
    """Puts siplet, one application and the board's files onto the board.

    Compiled for the MicroPython that is on it; only what differs goes over the line, and takes its place when all of it
    is there. Run it again after whatever went wrong.
    """
    from siplet_tools.board import building, catalog, deploying, ports
    from siplet_tools.board.visit import visit

    console.json_mode(as_json)
    if board:
        catalog.board(board)
    if app:
        building.check_app(app)
    with contextlib.ExitStack() as stack:
        with console.progress("looking", unit="steps") as step:
            link = stack.enter_context(visit(ports.choose(port)))  # its phone goes on, whatever becomes of this
            plan = deploying.prepare(link, board, app, romfs, step, lines)
        for note in plan.notes:
            console.verdict("note", note)
        if dry_run:
            for path in plan.put:
                console.say(f"write  {path}  {len(plan.put[path])}")
            for path in plan.stale:
                console.say(f"remove {path}")
            if plan.image is not None:
                console.say(f"write  ROMFS image  {len(plan.image)}")
            if plan.forget:
                console.say("remove ROMFS image")
            if plan.needed > plan.free:
                room = f"{plan.needed // 1024} KB have to go onto a file system with {plan.free // 1024} KB left"
                console.verdict("failed", room, "remove files of yours (mpremote fs rm), or deploy with --romfs")
        elif not plan.empty:
            with console.progress("deploying") as step:
                deploying.carry_out(link, plan, step)
    what = f"siplet {building.version()}, {plan.app} on {plan.board}"
    if as_json:
        console.result({**plan.as_dict(), "done": not dry_run})
    elif plan.empty:
        console.verdict("ok", f"{what}: nothing to do, all {len(plan.same)} files are there")
    elif not dry_run:
        sizes = sum(map(len, plan.put.values())) + len(plan.image or b"")
        image = " and a ROMFS image" if plan.image is not None else ""
        removed = f"{len(plan.stale)} removed" + (", and the ROMFS image" if plan.forget else "")
        console.verdict("ok", f"{what}: {len(plan.put)} files{image}, {sizes // 1024} KB written, {removed}")
