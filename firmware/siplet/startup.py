# What happens once, before an application runs: the command line, the configuration, the board, the phone.
# May import bring_up, config, log, phone, platform, trace and the board. main.py drops this module when all stands: its
# code and the configuration's table need no memory while the phone runs. Whatever keeps an application from starting is
# a LocalError, one line for the user.

import errno
import gc
import os
import sys

from siplet import platform
from siplet.errors import LocalError, RemoteError
from siplet.log import log

_USAGE = "usage: main.py CONFIG.json [--app NAME]"
# Groups that nobody asks for once the phone is open; sip and wifi have the secrets
_TAKEN = ("sip", "rtp", "tls", "dns", "sou", "wif", "boa")


def drop(name):
    """Forget a module of siplet that was needed once: siplet.<name>."""
    sys.modules.pop("siplet." + name, None)
    sys.modules["siplet"].__dict__.pop(name, None)
    gc.collect()


def _read_arguments(arguments):
    """(path of the configuration, name of the application or "") of a command line."""
    rest = list(arguments)
    app = ""
    if "--app" in rest:
        i = rest.index("--app")
        app = rest[i + 1] if i + 1 < len(rest) else "-"
        del rest[i : i + 2]
    if len(rest) != 1 or rest[0][:1] == "-" or app[:1] == "-":
        raise LocalError(_USAGE)
    return rest[0], app


def _read_config(path):
    """The flat dict of siplet.config; leaves nothing of that module behind."""
    from siplet import config

    try:
        return config.load(path)
    finally:
        drop("config")


def _find_app(name):
    """The main() of apps/NAME.py."""
    module = "apps." + name
    try:
        __import__(module)
    except ImportError as error:
        if module not in str(error) and "." not in name:
            raise
        raise LocalError(f"app: no application {name} in apps/")
    main = getattr(sys.modules[module], "main", None)
    if not main:
        raise LocalError(f"app: apps/{name}.py has no main(board, phone, config)")
    return main


def _trying(keys, function, *arguments, **names):
    """What function(*arguments) returns; LocalError with the configuration's keys when it cannot do its work."""
    try:
        return function(*arguments, **names)
    except (LocalError, OSError) as error:
        raise LocalError(f"{keys}: {error}")


def _reason(error):
    """What stands in brackets behind a port that cannot be opened."""
    return "another program has it" if error.errno == errno.EADDRINUSE else error


def _make_trace(path):
    from siplet.trace import Trace

    return Trace(path)


def _make_phone(board, config):
    """The Phone that the configuration describes, not yet open."""
    from siplet.phone import Phone

    low = config["rtp.port_low"]
    path = config["log.sip"]
    phone = Phone(
        config["sip.address"],
        audio=_trying("audio", board.audio),
        local_address=board.network(),
        local_port=config["sip.local_port"],
        rtp_ports=range(low + low % 2, config["rtp.port_high"], 2),
        max_calls=config["sip.max_calls"],
        trace=_trying("log.sip", _make_trace, path) if path else None,
        accept=config["sip.accept"] + [tuple(text.split(":", 1)) for text in config["sip.callers"]],
        servers=config["dns.servers"] or None,
        **_account(config, "sip"),
    )
    if config["tls.ca"] or config["tls.pin"] or config["tls.insecure"]:
        phone.streams = {"tls": {name: config["tls." + name] for name in ("ca", "pin", "insecure")}}
    phone.names["sound"] = {key: value for key, value in config.items() if key[:5] == "sound"}
    phone.names["sound"]["log"] = log
    for name, usual in (("compact", False), ("redirects", 5), ("reliable", ""), ("session_expires", 0)):
        if config["sip." + name] != usual:  # what does it need not be loaded otherwise
            phone.names[name] = config["sip." + name]
    if config["sip.keepalive_s"]:
        phone.keepalive_ms = 1000 * config["sip.keepalive_s"]
    for group in ("sip2", "sip3", "sip4"):
        if config[group + ".address"]:
            _trying(group + ".address", phone.add_account, config[group + ".address"], **_account(config, group))
    return phone


def _account(config, group):
    # the arguments of siplet.account.Account
    names = ("user", "password", "registrar", "expires", "transport", "proxy")
    found = {name: config[group + "." + name] or None for name in names}
    found["register"] = config[group + ".register"]
    return found


async def prepare(arguments, on_state):
    """(the application's main, board, phone, configuration), the phone open. on_state: the phone's, and no function of
    this module, which would keep all of it.

    Without arguments, on a board: returns once there is a configuration and a network, however long that takes.
    """
    platform.install()
    here = __file__.rpartition("siplet/")[0][:-1] or "."  # where main.py lies
    # What lies beside main.py says that this is a board, not the platform: a simulated one is a PC as well
    is_pc = sys.platform in ("linux", "darwin", "win32") and not {"board.py", "board.mpy"} & set(os.listdir(here))
    if not arguments and not is_pc:
        from siplet import bring_up

        board, config = await bring_up.run(_read_config, "/config.json")
        del bring_up
        drop("bring_up")
        name = config["app"]
        main = _find_app(name)
    else:
        path, name = _read_arguments(arguments)
        config = _read_config(path)
        sys.path.append(here + "/../boards/unix")  # behind what lies beside main.py
        from board import Board

        name = name or config["app"]
        main = _find_app(name)
        board = Board(config)
        try:
            await board.start()
        except OSError as error:
            raise LocalError(f"control.port: cannot be opened ({_reason(error)})")
    try:
        phone = _make_phone(board, config)
        phone.on_state = on_state
        await phone.__aenter__()
    except RemoteError as error:
        raise LocalError(f"sip.address, sip.registrar: cannot be used ({error.text})")
    except OSError as error:
        place = f"{phone.local_address}:{phone.local_port}"
        raise LocalError(f"sip.local_address, sip.local_port: {place} cannot be opened ({_reason(error)})")
    if config["paging.groups"]:
        try:
            _trying("paging.groups", __import__("siplet.paging", None, None, ("start",)).start, phone, config)
        except LocalError:
            await phone.close()
            raise
    log(f"{name} ready as {config['sip.address']} at {phone.local_address}:{phone.local_port}")
    # What board and phone have taken over is not kept twice; the password least of all. The board has this same dict.
    if isinstance(phone.sound, type) and config["sound.complete"] is not False:
        log("sound plain: the rest does not fit into the heap")
    kept = {key: value for key, value in config.items() if key[:3] not in _TAKEN}
    config.clear()  # gives its room back, which deleting key by key does not
    config.update(kept)
    return main, board, phone, config
