# siplet up: the whole way, from whatever a board is to a measured call. Imports board, console, click.

import click

from siplet_tools import console


@click.command(
    epilog="\b\nExamples:\n  siplet up --config door.toml\n  siplet up --firmware firmware-images --config door.toml"
    "\n  siplet up --dry-run --config door.toml"
)
@click.option("-p", "--port", help="The board's serial port; needed when there are several.")
@click.option("-c", "--config", type=click.Path(dir_okay=False), help="The board's configuration, TOML; else its own.")
@click.option("--firmware", type=click.Path(), help="MicroPython for it, a .bin or a folder; else what is on it stays.")
@click.option("--board", help="Which of the known boards it is; else what is on it, or by its chip.")
@click.option("--app", help="The application; else the configuration's.")
@click.option("--romfs", is_flag=True, help="siplet as a ROMFS image, which leaves the heap free.")
@click.option("--no-backup", is_flag=True, help="Flash without a copy of what is there.")
@click.option("--no-call", is_flag=True, help="End when the phone is registered.")
@click.option(
    "--seconds", type=click.IntRange(1, 86400), default=6, show_default=True, help="How long the test call lasts."
)
@click.option("--target", help="Whom to call for the test; else the board itself, directly.")
@click.option("--account", help="sip:me@server from which the test call goes out; SIPLET_PASSWORD is its password.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document for a script.")
def command(port, config, firmware, board, app, romfs, no_backup, no_call, seconds, target, account, dry_run, as_json):
    """Makes a phone of a board: flash, deploy, provision, register, a test call, the verdict.

    Each step looks first whether it is done, so that this can be run again after whatever went wrong.
    """
    import os

    from siplet_tools.board.journey import Journey

    console.json_mode(as_json)
    journey = Journey(
        port,
        config,
        console.progress,
        board,
        app,
        firmware,
        romfs=romfs,
        backup=not no_backup,
        call=not no_call,
        seconds=seconds,
        target=target,
        account=account or "",
        password=os.environ.get("SIPLET_PASSWORD"),
        dry_run=dry_run,
        ask=console.secret,
    )
    good = journey.run(lambda stage: console.verdict(stage.kind, f"{stage.name:14} {stage.text}", stage.advice))
    if as_json:
        console.result(
            {
                "ok": good,
                "stages": [stage.as_dict() for stage in journey.stages],
                "call": journey.report.to_dict() if journey.report else None,
            }
        )
    elif journey.report:
        head, rows = journey.report.rows()
        console.say()
        console.table(head, rows)
    if not as_json:
        console.say()
        if not good:
            console.verdict("failed", "not there yet: put that right, then run the same command again")
        elif dry_run:
            console.verdict("note", "nothing was changed")
        else:
            console.verdict("ok", "the board is a phone")
    return 0 if good else journey.status or 1
