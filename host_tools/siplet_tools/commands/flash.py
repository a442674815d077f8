# siplet flash: MicroPython onto an attached board. Imports flashing, downloads, console, click.

import os

import click

from siplet_tools import console

_EPILOG = """\b
Examples:
  siplet flash --firmware ESP32_GENERIC-20260401-v1.29.0.bin
  siplet flash --dry-run
  siplet flash --download --board esp32
  siplet flash --restore firmware-backups/esp32-7cdfa1e03c44-20260514-101500.bin
"""


@click.command(epilog=_EPILOG)
@click.option("-p", "--port", envvar="SIPLET_PORT", help="The board's port; without it the only one that is there.")
@click.option(
    "--firmware",
    envvar="SIPLET_FIRMWARE",
    default="firmware-images",
    show_default=True,
    help="A .bin file, or a folder whose newest .bin for this chip is taken.",
)
@click.option("--board", "name", help="A board that siplet knows: it may want one build of several.")
@click.option("--download", is_flag=True, help="Fetch the newest release from micropython.org into the folder first.")
@click.option(
    "--backups", envvar="SIPLET_BACKUPS", default="firmware-backups", show_default=True, help="Folder of copies."
)
@click.option("--no-backup", is_flag=True, help="Make no copy of what is there; it takes a minute or two.")
@click.option("--restore", "copy", type=click.Path(), help="Write such a copy back instead of a firmware.")
@click.option("--erase", is_flag=True, help="Erase everything first, the board's files too.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; the board restarts all the same.")
@click.option(
    "--baud", type=click.IntRange(9600, 4000000), default=460800, show_default=True, help="Speed of the line."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document for a script.")
def command(port, firmware, name, download, backups, no_backup, copy, erase, dry_run, baud, as_json):
    """Puts MicroPython onto a board of the ESP32 family.

    The chip is asked what it is, an image for another one refused, the whole flash copied to a file; then the image is
    written and compared. Nothing is done when the same one is there. The board's files stay, unless --erase.
    """
    from siplet_tools.board import catalog, downloads, flashing, ports

    if copy and (download or erase):
        raise click.UsageError("--restore writes all of the flash: neither --download nor --erase goes with it")
    console.json_mode(as_json)
    build = catalog.board(name).get("firmware") if name else None
    port = ports.choose(port)
    if copy:
        done = flashing.restore(port, copy, backups, console.progress, not no_backup, dry_run, baud)
    else:
        fetch = None
        if download:
            # The file itself may not be there yet: it goes where it was named
            firmware = os.path.dirname(firmware) or "." if firmware.endswith(".bin") else firmware

            def fetch(chip, folder, step):
                return downloads.fetch(chip, folder, step, build)

        pattern = f"{build}-[0-9]*.bin" if build else None
        done = flashing.flash(
            port, firmware, backups, console.progress, not no_backup, erase, dry_run, pattern, fetch, baud
        )
    if as_json:
        console.result(done.as_dict())
        return
    for note in done.notes:
        console.verdict("note", note)
    _tell(done, bool(copy))


def _tell(done, restored):
    what = (
        f"the copy {done.image}"
        if restored
        else f"MicroPython {done.version or 'of some version'} ({os.path.basename(done.image)})"
    )
    who = f"{done.chip} {done.mac}, {done.flash_size >> 10} KB of flash, at {done.port}"
    if done.skipped:
        console.verdict("skipped", f"{what} is there already: {who}")
    elif done.dry_run:
        files = "all of the flash would be erased, " if done.erased else ""
        console.verdict("note", f"{files}{what} would be written, {done.written} bytes: {who}")
    else:
        if done.backup:
            console.verdict(
                "ok", f"what was there: {done.backup}", "it holds the board's passwords: keep it to yourself"
            )
        console.verdict("ok", f"{what} is on the board, compared, {done.seconds} s: {who}")
