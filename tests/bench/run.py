# What siplet costs, in tables: `make bench`, or python tests/bench/run.py [SECTION ...] with the names of SECTIONS.
#
# The code of each section stands in a file of its own; what runs on MicroPython in the others beside it.

import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "host_tools"), os.path.join(ROOT, "tests", "interop")]

import compact  # noqa: E402
import core  # noqa: E402
import doorphone  # noqa: E402
import dtmf  # noqa: E402
import echo  # noqa: E402
import fuzz  # noqa: E402
import host  # noqa: E402
import modules  # noqa: E402
import ondemand  # noqa: E402
import pacing  # noqa: E402
import quality  # noqa: E402
import srtp  # noqa: E402
from siplet_tools import compiler, interpreter, linker  # noqa: E402
from siplet_tools.process import ProcessError  # noqa: E402
from table import doing  # noqa: E402

SECTIONS = {
    "modules": modules.show,
    "features": ondemand.show,
    "garbage": core.show_garbage,
    "speed": core.show_speed,
    "compact": compact.show,
    "doorphone": doorphone.show,
    "pacing": pacing.show,
    "srtp": srtp.show,
    "quality": quality.show,
    "echo": echo.show,
    "dtmf": dtmf.show,
    "host": host.show,
    "fuzz": fuzz.show,
}
LONG = ("fuzz", "quality", "echo", "host")  # only when named


def main(names):
    start = time.monotonic()
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        sys.exit(f"no section {unknown[0]}: {' '.join(SECTIONS)}")
    unix = interpreter.find()
    print(f"siplet on {interpreter.describe(unix)}")
    doing("compiling")
    modules.build()
    failed = 0
    for name in names or [name for name in SECTIONS if name not in LONG]:
        try:
            SECTIONS[name]()
        except (OSError, ProcessError) as error:
            print(f"\n{name}: FAILED\n{error}", flush=True)
            failed += 1
    print(f"\n{time.monotonic() - start:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (interpreter.NoInterpreter, compiler.CompileError, linker.LinkError) as error:
        sys.exit(str(error))
