# Starts one application on one board: reads the configuration, opens the phone, runs the application until it ends.
#
#     micropython firmware/main.py CONFIG.json [--app NAME]      on a PC
#     main.py in the root of a board's file system, beside board.py and config.json
#
# Exit status 2 and one clear line when something about the configuration is wrong. The heap is small when this starts
# and the configuration's table large: it is dropped before the phone is imported.

import asyncio
import gc
import sys

from siplet import platform
from siplet.errors import RemoteError, SipError
from siplet.log import Trace, log

USAGE = "usage: main.py CONFIG.json [--app NAME]"
PC = sys.platform in ("linux", "darwin", "win32")


class Refused(Exception):
    """Cannot start; one line for the user."""


def read_arguments(arguments):
    """(path of the configuration, name of the application or "") of a command line."""
    rest = list(arguments)
    app = ""
    if "--app" in rest:
        i = rest.index("--app")
        app = rest[i + 1] if i + 1 < len(rest) else "-"
        del rest[i : i + 2]
    if len(rest) != 1 or rest[0][:1] == "-" or app[:1] == "-":
        raise Refused(USAGE)
    return rest[0], app


def read_config(path):
    """The flat dict of siplet.config; leaves nothing of that module behind."""
    from siplet import config

    try:
        return config.load(path)
    except config.ConfigError as error:
        raise Refused(str(error))
    finally:
        sys.modules.pop("siplet.config", None)
        sys.modules["siplet"].__dict__.pop("config", None)
        gc.collect()


def find_app(name):
    """The main() of apps/NAME.py."""
    module = "apps." + name
    try:
        __import__(module)
        return sys.modules[module].main
    except ImportError as error:
        if module not in str(error):
            raise
        raise Refused(f"app: no application {name} in apps/")


def trying(keys, function, *arguments):
    """What function(*arguments) returns; Refused with the configuration's keys when it cannot do its work."""
    try:
        return function(*arguments)
    except RemoteError as error:
        raise Refused(f"{keys}: cannot be used ({error.text})")
    except (SipError, OSError) as error:
        raise Refused(f"{keys}: {error}")


def make_phone(board, config):
    """The Phone that the configuration describes, not yet open."""
    from siplet.phone import Phone

    low = config["rtp.port_low"]
    path = config["log.sip"]
    return Phone(
        config["sip.address"],
        password=config["sip.password"] or None,
        user=config["sip.user"] or None,
        registrar=config["sip.registrar"] or None,
        register=config["sip.register"],
        audio=trying("audio", board.audio),
        local_address=board.network(),
        local_port=config["sip.local_port"],
        rtp_ports=range(low + low % 2, config["rtp.port_high"], 2),
        expires=config["sip.expires"],
        max_calls=config["sip.max_calls"],
        trace=trying("log.sip", Trace, path) if path else None,
    )


async def run(arguments, opened):
    """Runs an application until it ends or is told to quit. opened: the list that gets the phone once it is open."""
    path, name = read_arguments(arguments) if PC else ("/config.json", "")
    config = read_config(path)
    if PC:  # a board has its board.py in the root; this one lies beside the others
        sys.path.append((__file__.rsplit("/", 1)[0] if "/" in __file__ else ".") + "/../boards/unix")
    from board import Board

    name = name or config["app"]
    main = find_app(name)
    platform.install()
    board = Board(config)
    try:
        await board.start()
    except OSError as error:
        raise Refused(f"control.port: cannot be opened ({error})")
    phone = trying("sip.address, sip.registrar", make_phone, board, config)
    phone.on_state = lambda state, status: log(f"registration {state} {status or ''}")
    try:
        await phone.__aenter__()
    except OSError as error:
        place = f"{phone.local_address}:{phone.local_port}"
        raise Refused(f"sip.local_address, sip.local_port: {place} cannot be opened ({error})")
    opened.append(phone)
    log(f"{name} ready as {config['sip.address']} at {phone.local_address}:{phone.local_port}")
    if PC:
        add_commands(board, phone)
    gc.collect()
    await main(board, phone, config)


def add_commands(board, phone):
    """What may be typed on a PC besides its buttons: quit, hangup, status, media."""
    task = asyncio.current_task()

    def quit(_argument):
        task.cancel()
        return "ok"

    def hang_up(_argument):
        for session in phone.endpoint.sessions:
            asyncio.create_task(session.call.hangup())  # noqa: RUF006  the call keeps who waits for it
        return "ok"

    def status(_argument):
        states = [session.call.state for session in phone.endpoint.sessions]
        return f"registration {phone.registration}, calls {' '.join(states) or 'none'}"

    def media(_argument):
        for session in phone.endpoint.sessions:
            stats = session.call.stats
            if stats:
                return " ".join([f"{name} {value}" for name, value in stats.__dict__.items()])
        return "none"

    board.commands.update({"quit": quit, "hangup": hang_up, "status": status, "media": media})


def drive(loop, coroutine):
    """Runs it to its end; Ctrl-C cancels it, where MicroPython by itself would leave all tasks as they are."""
    task = loop.create_task(coroutine)
    while True:
        try:
            return loop.run_until_complete(task)
        except asyncio.CancelledError:
            return None
        except KeyboardInterrupt:
            task.cancel()


def start(arguments):
    """The exit status: 0 when the application ended or was told to, 2 when it could not start."""
    loop = asyncio.new_event_loop()
    opened = []
    try:
        drive(loop, run(arguments, opened))
    except Refused as error:
        print(error)
        return 2
    finally:
        # In a task of its own: MicroPython's wait_for can cancel a task, that was cancelled while it waited, once more
        for phone in opened:
            drive(loop, phone.close())
            log("closed")
    return 0


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))
