# Putting siplet onto a board: what has changed goes beside its old version, then all of it takes its place at once.
# Imports building, upload, link, errors.
#
#     look()       what the board has, by the hashes of its files: not by what a manifest says of them
#     Plan         what must go, what must leave, whether there is room
#     carry_out()  NAME.new for all, each read back from the flash; then one script renames; /siplet.json is the last
#
# Whatever breaks before the renaming leaves the board as it was. Whatever breaks within it leaves whole files of two
# versions for as long as it takes to deploy again. A ROMFS image (rom) is written in the place of the former one, just
# before: while it is not whole it is not mounted, and a board that has no other siplet says so and waits.

import json
from dataclasses import dataclass, field

from siplet_tools.board import building, rom, upload
from siplet_tools.board.link import BoardError
from siplet_tools.errors import FAILED, ToolError

_BLOCK = 4096  # what a file takes of a flash at least
DIGITS = 24  # of a SHA-256 are told: a slow line carries them faster than all 64

# Path, size and the beginning of the SHA-256 of what is ours or may stand in its way, one line each
_LOOK = """
def _():
    import os, hashlib
    from binascii import hexlify
    buffer = bytearray(1024)
    view = memoryview(buffer)
    def tell(path):
        hash = hashlib.sha256()
        with open(path, 'rb') as file:
            while 1:
                n = file.readinto(buffer)
                if not n:
                    break
                hash.update(view[:n])
        print(path, os.stat(path)[6], hexlify(hash.digest()[:12]).decode())
    def walk(folder, deep):
        for entry in os.ilistdir(folder or '/'):
            path = folder + '/' + entry[0]
            if entry[1] & 0x4000:
                if path in ('/siplet', '/apps') or deep:
                    print(path + '/', 0, '-')
                    walk(path, 1)
            elif deep or entry[0].endswith(('.py', '.mpy', '.new')) or entry[0] == 'siplet.json':
                tell(path)
    walk('', 0)
_()
del _
"""


@dataclass
class Plan:
    """put: {path: bytes} that must go; same: paths that are there already; stale: those that must leave;
    image: a ROMFS image that must be written, or None; forget: whether one of ours has to leave; manifest: the bytes of
    /siplet.json; needed, free: bytes of flash. A folder's path ends with a slash.
    """

    facts: object
    board: str
    app: str
    put: dict
    same: list
    stale: list
    manifest: bytes
    needed: int
    free: int
    image: bytes = None
    forget: bool = False
    native: bool = True
    notes: list = field(default_factory=list)

    @property
    def empty(self):
        return not self.put and not self.stale and self.image is None and not self.forget

    def as_dict(self):
        return {
            "board": self.board,
            "app": self.app,
            "micropython": self.facts.version,
            "architecture": self.facts.architecture,
            "write": {path: len(data) for path, data in self.put.items()},
            "same": len(self.same),
            "remove": self.stale,
            "romfs": None if self.image is None else len(self.image),
            "notes": self.notes,
        }


def look(link):
    """{path: (size, DIGITS of its SHA-256)} of what is siplet's on the board or looks it; folders end with a slash."""
    found = {}
    for line in link.run(_LOOK, timeout_s=30).decode("utf-8", "replace").splitlines():
        words = line.rsplit(" ", 2)
        if len(words) == 3 and words[1].isdecimal():  # else of a name that is no path of ours
            found[words[0]] = (int(words[1]), words[2])
    return found


def read_manifest(link):
    """The dict in /siplet.json; {} when there is none, or none that can be read."""
    try:
        told = json.loads(link.get(building.MANIFEST) or b"{}")
        return told if isinstance(told, dict) and isinstance(told.get("files", {}), dict) else {}
    except ValueError:
        return {}


def prepare(link, board=None, app=None, romfs=False, progress=None, lines=False):
    """The Plan for the board at that link. board, app: names; else what is on it, else by its chip, and doorphone.

    lines: compiled so that a traceback names them. The board is asked; nothing on it is changed. ToolError when siplet
    cannot run there.
    """
    from siplet_tools.board import catalog

    step = progress or (lambda done, total: None)
    step(0, 3)
    link.fresh()
    facts = link.facts()
    native = building.native(facts)
    board = board or facts.board or catalog.fitting(facts)
    if not board:
        names = ", ".join(catalog.boards())
        raise ToolError(f"{link.port}: a board of an unknown kind ({facts.machine}); say --board: {names}")
    app = app or facts.app or "doorphone"
    step(1, 3)
    files = building.build(facts, board, app, lines)
    step(2, 3)
    there = look(link)
    manifest = building.manifest(facts, board, app, files, None, lines)
    # To read it takes as long as all the rest, so that is done only when something has changed
    old = json.loads(manifest) if _is(there, building.MANIFEST, manifest) else read_manifest(link)
    room, in_rom, rom_is_ours = rom.look(link) if facts.romfs else (0, "", False)
    image, all_of_it = None, files
    if romfs:
        if not room:
            raise ToolError(f"{link.port}: this board's MicroPython has no ROMFS partition: deploy without --romfs")
        ours = {*files, *old.get("files", {})}
        theirs = [path for path in there if path not in ours and not path.endswith(("/", ".new"))]
        image, files = building.romfs(files, theirs)
        if len(image) > room:
            raise ToolError(
                f"{link.port}: the image of {-(-len(image) // 1024)} KB does not fit into the board's ROMFS partition "
                f"of {room // 1024} KB: deploy without --romfs"
            )
    written = building.manifest(facts, board, app, files, image, lines)
    put = {path: data for path, data in files.items() if not _is(there, path, data)}
    same = [path for path in files if path not in put]
    stale = _stale(files, all_of_it, there, old)
    foreign = image is not None and in_rom and not rom_is_ours
    if image is not None and in_rom == building.sha256(image):
        image = None
    if not _is(there, building.MANIFEST, written):
        put[building.MANIFEST] = written
    plan = Plan(facts, board, app, put, same, stale, written, 0, facts.flash_free, image)
    plan.forget, plan.native = rom_is_ours and not romfs, native
    if foreign:
        plan.notes.append("the ROMFS image on the board, which is not siplet's, is replaced")
    plan.needed = _needed(put, there)
    if not plan.native:
        plan.notes.append("its MicroPython takes no native code of ours: all of it as bytecode, which is slower")
    step(3, 3)
    return plan


def _is(there, path, data):
    return there.get(path, (0, ""))[1] == building.sha256(data)[:DIGITS]


def _needed(put, there):
    # Bytes of a LittleFS: whole blocks, and two for each folder that is new
    def folders(paths):
        return {path[:i] for path in paths for i, letter in enumerate(path) if letter == "/" and i}

    blocks = sum(-(-len(data) // _BLOCK) for data in put.values())
    return (blocks + 2 * len(folders(put) - folders(there))) * _BLOCK


def _stale(files, all_of_it, there, old):
    # Left-overs of an upload, what a former version had, and what would be imported instead of a file of ours: files in
    # the file system go before a ROMFS image's, source before code, and an empty folder before either
    gone = set()
    for path in there:
        stem, _, kind = path.rpartition(".")
        ours = path in old.get("files", {}) or path.startswith("/siplet/")
        shadow = kind in ("py", "mpy") and stem + ".mpy" in all_of_it
        if path not in files and path != building.MANIFEST and path[-1] != "/" and (ours or shadow or kind == "new"):
            gone.add(path)
    kept = [path for path in (*files, *there) if path not in gone and path[-1] != "/"]
    folders = [path for path in there if path[-1] == "/" and not any(one.startswith(path) for one in kept)]
    return sorted(gone) + sorted((path for path in folders if path.startswith(("/siplet/", "/apps/"))), reverse=True)


def carry_out(link, plan, progress=None):
    """Makes the board as the plan has it, and verifies it. progress(done, total): bytes on the line."""
    if plan.empty:
        return
    if plan.stale and plan.needed > plan.free:
        # Old files that are in nobody's way any more make room; left-overs of an upload first of all
        upload.put_in_place(link, [], [path for path in plan.stale if path.endswith(".new")])
        plan.free = link.facts().flash_free
    if plan.needed > plan.free:
        raise ToolError(
            f"{link.port}: the file system has {plan.free // 1024} KB left and {plan.needed // 1024} KB have "
            "to go onto it: remove files of yours (mpremote fs rm), or deploy with --romfs"
        )
    try:
        hashes = upload.upload(link, plan.put, progress if plan.image is None else None)
    except BoardError as error:
        if "OSError: 28" in error.trace or "ENOSPC" in error.trace:
            _sweep(link, plan)
            raise ToolError(f"{link.port}: the board's file system is full; nothing was changed") from None
        raise
    for path, data in plan.put.items():
        if hashes.get(path) != building.sha256(data):
            _sweep(link, plan)
            raise ToolError(f"{link.port}: {path} arrived damaged, nothing was changed; deploy again", FAILED)
    order = [path for path in plan.put if path != building.MANIFEST] + [building.MANIFEST] * (
        building.MANIFEST in plan.put
    )
    if plan.image is not None:
        rom.write(link, plan.image, progress)
    upload.put_in_place(link, order, plan.stale)
    if plan.forget:
        rom.forget(link)


def _sweep(link, plan):
    # Takes back what has been written so far
    try:
        link.fresh()
        upload.put_in_place(link, [], [path + ".new" for path in plan.put])
    except ToolError:
        pass  # the next deploy does it
