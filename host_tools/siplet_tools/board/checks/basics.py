# Checks that any board with MicroPython can stand: versions, heap, flash, clock. Imports checking, building, deploying,
# rom.

import datetime
import re

from siplet_tools.board import building, deploying, rom
from siplet_tools.board.checking import Verdict

_OLDEST = (1, 25, 0)  # boards/esp32/README.md

# Bytes of heap, (32 bit, 64 bit). A plain phone with its modules loaded from .mpy takes 89 KB of 32 bits in a call, and
# a door phone of 64 bits 157 KB (README: Measured); siplet.sound is loaded when 104 or 148 KB are left beside it.
_PLAIN = (92 << 10, 160 << 10)
_COMPLETE = (200 << 10, 308 << 10)
_PIECE = 10 << 10  # the largest single buffer is the amplifier's, 9 KB with words of 32 bits

_CONFIGURATION = 16 << 10  # a new configuration is written beside the old one, in blocks of 4 KB
_FAR_S = 120


def versions(session):
    facts = session.facts
    machine = f"MicroPython {facts.version} on {facts.machine or facts.platform}"
    values = {"micropython": facts.version, "siplet": facts.siplet, "board": facts.board, "app": facts.app}
    if session.siplet is False:
        yield Verdict("failed", f"{machine}; siplet is not on it", "siplet deploy puts it there", values)
        return
    if session.siplet is not True:
        yield Verdict("failed", f"{machine}; siplet on it cannot be loaded ({session.siplet})", "siplet deploy", values)
        return
    manifest = deploying.read_manifest(session.link)
    have = facts.siplet
    text = f"{machine}, siplet {have or 'without a version'}" + (f": {facts.app} on {facts.board}" if facts.app else "")
    if facts.release < _OLDEST:
        oldest = ".".join(map(str, _OLDEST[:2]))
        yield Verdict("failed", f"{text}; siplet wants MicroPython {oldest} or newer", "siplet flash", values)
    elif not have:
        yield Verdict("note", f"{text}: it was not put there by siplet deploy", values=values)
    elif have != building.version():
        yield Verdict("failed", f"{text}; here is siplet {building.version()}", "siplet deploy", values)
    elif (manifest.get("micropython"), manifest.get("architecture")) != (facts.version, facts.architecture):
        was = str(manifest.get("micropython"))[:20]
        yield Verdict("failed", f"{text}, which was made for MicroPython {was}", "siplet deploy", values)
    else:
        yield Verdict("ok", text, values=values)


_HEAP = """
import gc, sys
gc.collect()
print('free', gc.mem_free(), sys.maxsize > 0x7fffffff)
try:
    import micropython
    micropython.mem_info()
except Exception:
    pass
"""


def heap(session):
    session.fresh()  # what other checks have loaded does not count
    told = session.text(_HEAP)
    found = re.search(r"free (\d{1,12}) (True|False)", told)
    if not found:
        yield Verdict("note", "this MicroPython does not tell its memory")
        return
    free, wide = int(found[1]), found[2] == "True"
    # A heap that can grow says by how much in one piece
    pieces = [int(one) * (32 if wide else 16) for one in re.findall(r"max free sz: (\d{1,9})", told)]
    pieces += [int(one) for one in re.findall(r"max new split: (\d{1,12})", told)]
    largest = max(pieces, default=0)
    values = {"free": free, "largest": largest or None}
    text = f"{free >> 10} KB free" + (f", {largest >> 10} KB of them in one piece" if largest else "")
    if free < _PLAIN[wide]:
        yield Verdict(
            "failed",
            f"{text}; a phone takes {_PLAIN[wide] >> 10} KB",
            "siplet deploy --romfs leaves code in the flash; remove what boot.py and main.py of yours load",
            values,
        )
    elif largest and largest < _PIECE:
        yield Verdict(
            "failed",
            f"{text}; a buffer of the sound takes {_PIECE >> 10} KB",
            "something in boot.py has torn the memory: load less there",
            values,
        )
    elif free < _COMPLETE[wide]:
        yield Verdict(
            "ok",
            f"{text}: a plain phone, for all of the sound's parts want {_COMPLETE[wide] >> 10} KB",
            "siplet deploy --romfs leaves code in the flash",
            values,
        )
    else:
        yield Verdict("ok", f"{text}: a phone with all parts of its sound", values=values)


def flash(session):
    facts = session.facts
    with session.options.busy("reading the flash"):
        there, manifest = deploying.look(session.link), deploying.read_manifest(session.link)
        image = _image(session, manifest)
    wanted = manifest.get("files", {})
    # The board tells the beginning of a hash
    damaged = [path for path in wanted if path in there and not str(wanted[path]).startswith(there[path][1] or "-")]
    missing = [path for path in wanted if path not in there]
    if image:
        (damaged if image == "damaged" else missing).append("the ROMFS image")
    values = {"size": facts.flash_size, "free": facts.flash_free, "damaged": damaged, "missing": missing}
    if damaged or missing:
        found = [f"{path} is damaged" for path in damaged] + [f"{path} is missing" for path in missing]
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        yield Verdict("failed", ", ".join(found[:3]) + more, "siplet deploy writes what is not as it should be", values)
    room = f"{facts.flash_free >> 10} of {facts.flash_size >> 10} KB free"
    whole = sum(there[path][0] for path in wanted if path in there)
    if facts.flash_size and facts.flash_free < _CONFIGURATION:
        yield Verdict(
            "failed",
            f"{room}: too little to change the configuration safely",
            "remove files of yours (mpremote fs rm), or siplet deploy --romfs",
            values,
        )
    elif wanted and facts.flash_free < whole:
        yield Verdict(
            "note",
            f"{room}: a new version of all files would not fit beside the old one",
            "remove files of yours (mpremote fs rm), or siplet deploy --romfs",
            values,
        )
    elif not (damaged or missing):
        whole = f", {len(wanted)} files{' and the ROMFS image' * ('romfs' in manifest)} are as deployed"
        yield Verdict("ok", room + whole * bool(wanted), values=values)


def _image(session, manifest):
    # What is wrong with the image that deploy has written, "" when there is none or it is well
    if "romfs" not in manifest:
        return ""
    session.fresh()  # which mounts it
    found = rom.look(session.link)[1]
    return "" if found == manifest["romfs"] else "damaged" if found else "missing"


_CLOCK = """
def _():
    import time
    return tuple(getattr(time, 'gmtime', time.localtime)()[:6])
"""


def clock(session):
    told = session.answer(_CLOCK)
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        there = datetime.datetime(*told, tzinfo=datetime.timezone.utc)
    except (TypeError, ValueError, OverflowError):
        yield Verdict("failed", "the clock says no time that there is", "unplug the board for a moment")
        return
    off = int((there - now).total_seconds())
    values = {"off_s": off}
    if abs(off) <= _FAR_S:
        yield Verdict("ok", f"right to {max(1, abs(off))} s", values=values)
        return
    zone = round(off / 900) * 900
    if abs(off - zone) <= _FAR_S and abs(zone) <= 14 * 3600:
        yield Verdict("note", f"{zone / 3600:+g} hours: it runs in local time; certificates count in UTC", "", values)
        return
    text = f"it says {there:%Y-%m-%d %H:%M} UTC" + (", as after each loss of power" if there.year == 2000 else "")
    if _believes_dates(session):
        yield Verdict(
            "failed",
            f"{text}: no certificate is valid then, and TLS with tls.ca fails",
            "tls.pin instead of tls.ca needs no clock; else the board has to get the time before siplet starts",
            values,
        )
    else:
        yield Verdict("note", f"{text}; only TLS with tls.ca needs the clock", values=values)


def _believes_dates(session):
    # Whether the configuration has a server's certificate judged by its dates
    from siplet_tools.board.checks import network

    if session.siplet is not True:
        return False
    try:
        network.load(session)
    except network.Trouble:
        return False
    secure = any(session.get(f"{group}.transport") in ("tls", "wss") for group in network.accounts(session))
    return bool(secure and session.get("tls.ca") and not session.get("tls.insecure"))
