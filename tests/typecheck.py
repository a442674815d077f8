# Type-checks the firmware against the stubs of MicroPython's ESP32 port, so that every call of machine, network or
# asyncio exists with those arguments, without a board. Part of `make lint`; tests/host/test_typecheck.py proves that it
# sees what it should.
#
#     python tests/typecheck.py [CONFIG.json]
#
# pyright was chosen over mypy for it infers more in functions without annotations, and knows viper's ptr8. What it
# reports and is right on MicroPython stands in KNOWN; a call with a wrong argument is never among it.

import json
import os
import re
import subprocess
import sys
import sysconfig

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHECKER = os.path.join(ROOT, "tests", "wasm", "node_modules", "pyright", "index.js")

# (pattern in a message, why it is right on MicroPython)
KNOWN = (
    (r'to parameter "\w+" of type "ptr(8|16|32)"', "viper takes any buffer for a pointer"),
    (r'Argument of type "object"', "viper's `object` is any Python object"),
    (r'"None" is (not assignable to|incompatible with)|for class "None"|is not assignable to "None"', "None until set"),
    (r"Generator\[.*is not awaitable", "MicroPython awaits generators"),
    (r'"_Ticks(Ms|Us)"', "the stubs' ticks are opaque; siplet masks them on purpose"),
    (r'"core" is not a known attribute of module "asyncio"', "it is there on every port with sockets, without a stub"),
    (r'"(sockaddr|inet_ntop)" is not a known attribute of module "socket"', "the unix port's own"),
    (r'Argument of type "str \| int \| bool', "a cell of the configuration's table"),
    (
        r'attribute "\w+" for class "(Media|Outgoing|Transaction)\*?"',
        "its maker gives it attributes: no code",
    ),
)


def check(config):
    """[(file, line, message), ...] of what is wrong under that pyright configuration; OSError when it can't run."""
    command = ["node", CHECKER, "--outputjson", "--project", config, "--pythonpath", sys.executable]
    # The stubs bring MicroPython's builtins, asyncio, sys and so on in the place of CPython's
    command += ["--typeshedpath", sysconfig.get_path("purelib")]
    output = subprocess.run(command, capture_output=True, text=True)
    if not output.stdout.startswith("{"):
        raise OSError((output.stdout + output.stderr).strip()[-2000:])
    found = []
    for row in json.loads(output.stdout)["generalDiagnostics"]:
        if not any(re.search(pattern, row["message"]) for pattern, _ in KNOWN):
            line = row.get("range", {}).get("start", {}).get("line", 0) + 1
            found.append((os.path.relpath(row["file"], ROOT), line, row["message"]))
    return found


def main(config):
    found = check(config)
    for file, line, message in found:
        print(f"{file}:{line}: {message}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or [os.path.join(ROOT, ".pyright.json")])))
