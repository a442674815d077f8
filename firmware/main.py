# Starts one application on one board and runs it until it ends; siplet/startup.py reads the configuration and opens the
# phone, and is dropped then. Imports errors, log and, for that while, startup.
#
#     micropython firmware/main.py CONFIG.json [--app NAME]      on a PC
#     main.py in the root of a board's file system, beside board.py and config.json
#
# One clear line when something about the configuration is wrong; then on a PC exit status 2, on a board the prompt.
# A board whose application fails starts anew after a pause (siplet/restart.py); Ctrl-C always leads to the prompt.

import asyncio
import gc
import sys

from siplet.errors import LocalError
from siplet.log import log


async def run(arguments, opened):
    """Runs an application until it ends or is told to quit. opened: the list that gets the phone once it is open."""
    # What stays is loaded before what goes, so that no holes are left between
    from siplet.phone import Phone  # noqa: F401, I001

    from siplet import startup

    main, board, phone, config = await startup.prepare(arguments, tell_state)
    opened.append(phone)
    if hasattr(board, "commands"):
        add_commands(board, phone)
    startup.drop("startup")
    del startup
    gc.collect()
    # Garbage is collected before it spreads: what stays lies together then, and leaves room in one piece.
    gc.threshold(gc.mem_free() // 4)
    await main(board, phone, config)


def tell_state(state, status):
    """The phone's registration, a line of the log."""
    log(f"registration {state} {status or ''}")


def add_commands(board, phone):
    """What may be typed on a PC besides its buttons: quit, hangup. The board itself knows status and media."""
    task = asyncio.current_task()

    def quit(_argument):
        task.cancel()
        return "ok"

    def hang_up(_argument):
        for session in phone.endpoint.sessions:
            if session.call:
                asyncio.create_task(session.call.hangup())  # noqa: RUF006  the call keeps who waits for it
        return "ok"

    board.phone = phone
    board.commands.update({"quit": quit, "hangup": hang_up})


def drive(loop, coroutine):
    """Runs it to its end; Ctrl-C cancels it, where MicroPython by itself would leave all tasks as they are."""
    task = loop.create_task(coroutine)
    while True:
        try:
            return loop.run_until_complete(task)
        except asyncio.CancelledError:
            return None
        except KeyboardInterrupt:
            try:
                task.cancel()
            except RuntimeError:  # it was at work itself, and has ended by that
                return None


def start(arguments):
    """The exit status: 0 when the application ended or was told to, 2 when it could not start."""
    # Collect often while modules are loaded: what stays lies close together then, and leaves room in one piece.
    gc.threshold(4096)
    loop = asyncio.new_event_loop()
    opened = []
    try:
        drive(loop, run(arguments, opened))
    except LocalError as error:
        if opened:  # not about the configuration any more
            raise
        print(error)
        return 2
    finally:
        # In a task of its own: MicroPython's wait_for can cancel a task, that was cancelled while it waited, once more
        for phone in opened:
            drive(loop, phone.close())
            log("closed")
    return 0


def main(arguments):
    """start() for this program: a PC's exits; a board's leaves the prompt, or starts the board anew after a fault."""
    if not arguments:
        import micropython

        # Until siplet.bring_up looks at the serial line Ctrl-C waits there: the frames of a web installer hold its byte
        micropython.kbd_intr(-1)
    failed = None
    try:
        status = start(arguments)
    except Exception as error:  # Ctrl-C is none
        failed = error
        if arguments or "board" not in sys.modules:
            raise
    finally:
        if not arguments:
            micropython.kbd_intr(3)
    # A board that starts by itself has taken its board.py. It must not exit: that would start it again, for ever
    if arguments or "board" not in sys.modules:
        sys.exit(status)
    from siplet import restart

    restart.run(failed)


if __name__ == "__main__":
    main(sys.argv[1:])
