# The first that MicroPython runs on the virtual board: it takes the PC away, puts a board's modules and file system in
# its place, and runs boot.py and main.py as a board does. Imports its neighbours. Leaves no name behind.

import gc
import json
import os
import sys

import board_channel
import vfs


def _run(name, names):
    """Runs a file of the board's root; False when it raised. SystemExit passes."""
    try:
        os.stat(name)
    except OSError:
        return True
    names["__file__"] = name
    try:
        execfile(name, names)  # noqa: F821
    except SystemExit:
        raise
    except BaseException as error:
        sys.print_exception(error)
        return False
    return True


def start():
    options = json.loads(os.getenv("SIPLET_BOARD"))
    names = __import__("__main__").__dict__
    board_channel.open_(options["channel"])
    import board_files
    import board_modules
    import board_rom

    files = board_files.VfsLfs2(options["files"], options["room"], options["flash_ms"])
    board_modules.install(options)
    board_channel.listen()
    os.umount("/")
    vfs.mount(files, "/")
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"]
    board_rom.mount(sys.modules["vfs"], sys.path, options)
    sys.argv[:] = []
    for name in list(sys.modules):
        if name[:6] == "board_":
            sys.modules.pop(name)
    gc.collect()
    try:
        board_channel.tell("up")
        if options["run"] and _run("boot.py", names) and not options["raw"]:
            _run("main.py", names)
    except SystemExit:
        board_channel.tell("ended")
        while True:  # the soft reset comes from outside
            pass
    except KeyboardInterrupt as error:  # before or behind the file that runs
        sys.print_exception(error)
    board_channel.tell("done")


start()
