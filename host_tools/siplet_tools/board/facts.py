# What an attached board says of itself. Imports the standard library alone.

import ast
from dataclasses import asdict, dataclass, field

# The order of MicroPython's MP_NATIVE_ARCH_*: sys.implementation._mpy >> 10
_ARCHITECTURES = (
    ("", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp")
    + ("xtensa", "xtensawin", "rv32imc", "rv64imc")
)  # fmt: skip

# Runs on the board, on old MicroPythons too; leaves no name behind.
QUESTION = """
def _():
    import sys, os, gc
    def tried(what, *arguments):
        try:
            return what(*arguments)
        except Exception:
            return None
    def mac():
        import machine
        return machine.unique_id()
    def rom():
        import vfs
        return vfs.rom_ioctl(1)
    def deployed():
        import json
        with open('/siplet.json') as file:
            told = json.load(file)
        return {name: told.get(name) for name in ('siplet', 'board', 'app')}
    gc.collect()
    i = sys.implementation
    uname = tried(lambda: os.uname())
    print(repr({
        'platform': sys.platform, 'version': tuple(i.version)[:3], 'release': tuple(i.version)[3:],
        'build': sys.version, 'machine': getattr(uname, 'machine', None) or getattr(i, '_machine', ''),
        'mpy': getattr(i, '_mpy', 0), 'mac': tried(mac), 'heap': (gc.mem_alloc(), gc.mem_free()),
        'flash': tried(lambda: os.statvfs('/')), 'romfs': tried(rom), 'deployed': tried(deployed),
    }))
_()
del _
"""


@dataclass
class Facts:
    """chip: "esp32", "esp32s3" ... or the platform's name; version: MicroPython's, "1.29.0"; architecture and
    mpy_version, mpy_sub: what mpy-cross has to make for it ("" and 0 when it takes none); mac: 12 hex digits
    or ""; sizes in bytes; romfs: partitions for ROMFS images; siplet, board, app: what deploy has put there,
    "" when nothing.
    """

    chip: str
    machine: str
    version: str
    build: str
    architecture: str = ""
    mpy_version: int = 0
    mpy_sub: int = 0
    mac: str = ""
    heap_used: int = 0
    heap_free: int = 0
    flash_size: int = 0
    flash_free: int = 0
    romfs: int = 0
    siplet: str = ""
    board: str = ""
    app: str = ""
    platform: str = field(default="", repr=False)

    as_dict = asdict

    @property
    def release(self):
        """(major, minor, patch) of its MicroPython."""
        return tuple(int(part) for part in self.version.split("-")[0].split("."))


def parse(answer):
    """Facts of what QUESTION printed, bytes or str; ValueError when that is something else."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    try:
        told = ast.literal_eval(text.strip().splitlines()[-1])
        used, free = told["heap"]
        disk = told["flash"] or (0,) * 10
        deployed = told["deployed"] or {}
        machine = str(told["machine"])
        version = ".".join(map(str, told["version"])) + "".join(f"-{part}" for part in told["release"] if part)
        mpy = int(told["mpy"])
        architecture = _ARCHITECTURES[mpy >> 10 & 0x3F] if mpy >> 10 & 0x3F < len(_ARCHITECTURES) else ""
        return Facts(
            chip=_chip(machine, str(told["platform"])),
            machine=machine,
            version=version,
            build=str(told["build"]),
            architecture=architecture,
            mpy_version=mpy & 0xFF,
            mpy_sub=mpy >> 8 & 3,
            mac=(told["mac"] or b"").hex(),
            heap_used=int(used),
            heap_free=int(free),
            flash_size=disk[1] * disk[2],
            flash_free=disk[0] * disk[3],
            romfs=int(told["romfs"] or 0),
            platform=str(told["platform"]),
            **{name: str(deployed.get(name) or "") for name in ("siplet", "board", "app")},
        )
    except (LookupError, TypeError, SyntaxError, AttributeError) as error:
        raise ValueError(f"not a board's answer: {error}") from None


def _chip(machine, platform):
    # "Generic ESP32S3 module with ESP32S3" -> "esp32s3"
    words = machine.replace("-", "").lower().split()
    for word in reversed(words):
        if word.startswith(("esp32", "esp8266", "rp2", "stm32", "nrf5", "mimxrt")):
            return word
    return platform
