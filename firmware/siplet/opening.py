# What a phone does once: who it is, how it is opened, how it is closed. Loaded for that, and dropped when the phone is
# open. May import account, delivery, guard, keepalive, net, platform and the pure core.

import asyncio
import gc
import sys

from siplet import platform
from siplet.errors import LocalError
from siplet.net.udp import Udp
from siplet.sip.admission import Admission
from siplet.sip.auth import Credentials
from siplet.sip.endpoint import Endpoint
from siplet.sip.uri import Uri
from siplet.ticks import ticks_diff

_TICK = 20  # ms
_SOUND = (148 if sys.maxsize > 0x7FFFFFFF else 104) * 1024  # bytes of heap that siplet.sound and a call with it want


def _room():
    # Bytes of heap that are left, those among them that a board may still add; garbage is not: it is collected often
    # while a phone starts, and to do it here once more leaves the pieces worse
    return gc.mem_free() if platform.MICROPYTHON else _SOUND + 1


def settle(account, address, password, user, registrar, register, expires, proxy, transport):
    """Work out an Account from its arguments. LocalError or RemoteError for an address that is none."""
    account.address = address
    account.aor = address.encode()
    uri = Uri(account.aor)
    account.user = uri.user
    account.domain = uri.host.lower(), uri.port
    account.register = bool(password or registrar) if register is None else register
    registrar = registrar or address.split("@")[-1].split(";")[0]
    tail = ";transport=" + transport if transport and transport != "udp" else ""
    account.registrars = []  # the URIs by which they are reached
    for one in registrar.split(","):
        one = one.strip()
        if not (one.startswith("sip:") or one.startswith("sips:")):
            one = "sip:" + one
        account.registrars.append((one + tail).encode())
        Uri(account.registrars[-1])
    account.registrar = account.registrars[0][: len(account.registrars[0]) - len(tail)]
    account.hop = (proxy + tail).encode() if proxy else account.registrars[0]
    Uri(account.hop)
    account.proxy = account.hop if proxy else b""
    user = user or uri.user.decode()
    if "\r" in user or "\n" in user:  # it stands in a header
        raise LocalError("user: one line")
    account.credentials = Credentials(user, password, platform.random) if password else None
    account.expires = expires


def start(account, endpoint, now):
    """Register an Account at endpoint, when that is wanted."""
    if account.register:
        account.binding = endpoint.register(account.registrar, account.aor, account.expires, account.credentials)
        account.binding.account = account
        account.binding.hop = account.hop
        if len(account.registrars) > 1:
            from siplet.sip.spares import Spares

            account.binding.spares = Spares(account.registrars, account.move)
        account.binding.start(now)


async def open_phone(phone):
    """Make a Phone's endpoint, socket and tasks, and begin to register. OSError when the port is taken."""
    if phone.local_address is None:
        from siplet.net.route import local_address

        phone.local_address = local_address(Uri(phone.accounts[0].registrar).destination()[0])
    options = phone.names.pop("sound", {})
    wanted = options.get("sound.complete")
    if wanted or (wanted is None and _room() > _SOUND):  # loaded without a name more on a heap without room
        phone.sound = __import__("siplet.sound.parts", None, None, ("sound",)).sound(options, phone)
    elif options.get("sound.srtp_encryption") == "require":
        raise LocalError("sound.srtp_encryption: require wants sound.complete, and room for it in the heap")
    else:
        phone.codecs = [codec for codec in phone.codecs if codec != b"G722"]  # which the plain stream cannot decode
    phone.udp = Udp(phone.bind_address, phone.local_port)
    local = (phone.local_address, phone.udp.port)
    phone.local_port = phone.udp.port
    phone.endpoint = Endpoint(phone._send, platform.random, local, phone._new_line, phone._max_calls)
    phone.endpoint.user = phone.accounts[0].user
    if phone.names:
        phone.configure(**phone.names)
    if "open" not in phone.accept:
        phone.endpoint.admit = Admission(phone.server_addresses)
        if phone.accept:
            from siplet.guard import guard

            guard(phone)
    phone._tasks = [asyncio.create_task(phone._listen()), asyncio.create_task(phone._clock())]
    if phone.streams is None and any(b";transport=tcp" in account.hop for account in phone.accounts):
        phone.streams = {}  # who registers a Contact for TCP can be reached there
    if phone.streams is not None:
        phone.endpoint.large = True
        if not phone.streams.get("tls"):  # who asks for TLS takes nothing in plain
            await phone._deliver().listen(phone.bind_address, phone.local_port)
    if phone.keepalive_ms:
        from siplet.keepalive import keep_alive

        phone._tasks.append(asyncio.create_task(keep_alive(phone)))
    for account in phone.accounts:
        phone._guard(account.start, phone.endpoint, platform.now())
    sys.modules.pop("siplet.opening", None)
    sys.modules["siplet"].__dict__.pop("opening", None)


async def close_phone(phone, timeout_ms):
    """See Phone.close."""
    now = platform.now()
    phone.endpoint.max_calls = 0  # who calls now comes too late
    for session in list(phone.endpoint.sessions):
        phone._guard(session.hang_up, now)
    for registration in list(phone.endpoint.registrations):
        phone._guard(registration.stop, now)
    endpoint = phone.endpoint
    try:
        while (endpoint.sessions or endpoint.registrations) and ticks_diff(platform.now(), now) < timeout_ms:
            await platform.sleep_ms(_TICK)
    finally:
        for task in phone._tasks:
            task.cancel()
        while endpoint.sessions:  # the far end stays silent: nobody shall wait for it any more
            endpoint.sessions.pop().abandon(now)
        phone.pump()
        phone.udp.close()
        if phone._delivery:
            phone._delivery.close()
        phone._closed = True
        phone.notify()
