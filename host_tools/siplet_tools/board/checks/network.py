# Checks of the configuration, the Wi-Fi and the look-up of names. Imports checking, settings.

import difflib

from siplet_tools.board import settings
from siplet_tools.board.checking import Trouble, Verdict

ACCOUNTS = ("sip", "sip2", "sip3", "sip4")
_GROUPS = (*ACCOUNTS, "wifi", "board", "dns", "tls", "app")
# dBm at the board. Networks for speech are planned for -67 at each place; below -75 packets get lost in rows.
_STRONG, _GOOD, _WEAK = -60, -67, -75
_JOIN_S = 35  # 20 s of station.py, a scan, the readings

_LOAD = """
def application(os, sys, name):
    # None: frozen into the firmware, perhaps
    there = None
    for place in sys.path:
        try:
            files = os.listdir(place + '/apps')
        except OSError:
            continue
        if name + '.py' in files or name + '.mpy' in files:
            return True
        there = False
    return there
def _(keys):
    global _c
    import os, sys
    from siplet import config
    try:
        os.stat('/config.json')
    except OSError:
        return None
    _c = config.load('/config.json')
    sys.modules.pop('siplet.config', None)
    sys.modules['siplet'].__dict__.pop('config', None)
    found = {}
    for key in keys:
        if key in _c:
            found[key] = _c[key]
    for group in ('sip', 'sip2', 'sip3', 'sip4'):
        found[group + '.has_password'] = bool(_c.get(group + '.password'))
    found['app.is_there'] = application(os, sys, _c['app'])
    return found
"""


def load(session):
    """The board's configuration in session.settings, and as _c on the board; Trouble when it has none that is good."""
    if "config" in session.loaded:
        return
    keys = [key for key in settings.table() if key.partition(".")[0] in _GROUPS and not settings.is_secret(key)]
    found = session.answer(_LOAD, keys)
    if not isinstance(found, dict):
        raise Trouble(Verdict("failed", "there is none: the board waits for it", "siplet provision FILE.toml"))
    session.settings = found
    session.loaded.add("config")


def accounts(session):
    """The names of the accounts that the configuration has."""
    return [group for group in ACCOUNTS if session.get(group + ".address")]


def config(session):
    load(session)
    network = session.get("wifi.network") or "no Wi-Fi"
    if session.settings.get("app.is_there") is False:
        app = session.get("app")
        yield Verdict("failed", f"app: there is no {app} on the board", f"siplet deploy --app {app}")
        return
    yield Verdict("ok", f"{session.get('app', '?')} as {session.get('sip.address', '?')}, {network}")


_JOIN = """
def _():
    import asyncio, network, time
    from board import Board
    from siplet.errors import LocalError
    station = Board.station(_c['wifi.hostname'], _c['wifi.country_code'])
    wlan = network.WLAN(network.WLAN.IF_STA)
    if wlan.isconnected():  # a soft reset leaves it so, by a password that was right then
        station.disconnect()
        time.sleep_ms(200)
    try:
        asyncio.run(station.connect(_c['wifi.network'], _c['wifi.password'], 20000))
    except LocalError as error:
        found = []
        if str(error)[:12] == 'wifi.network':
            try:
                found = station.scan()
            except OSError:
                pass
        return {'error': str(error), 'found': found}
    signal = []
    for i in range(5):
        signal.append(wlan.status('rssi'))
        time.sleep_ms(20)
    return {'signal': sorted(signal)[2], 'channel': wlan.config('channel'), 'address': wlan.ifconfig()[0]}
"""


def wifi(session):
    yield from session.require("config")
    load(session)
    name = session.get("wifi.network")
    if not name:
        yield Verdict("note", "not configured", "siplet provision set wifi.network=NAME, and wifi.password")
        return
    told = session.answer(_JOIN, limit_s=_JOIN_S, busy=f"joining {name}")
    if "error" in told:
        key, _, text = str(told["error"])[:200].partition(": ")
        yield Verdict("failed", text or key, _join_advice(key, name, told.get("found") or ()))
        return
    signal, channel, address = int(told["signal"]), int(told["channel"]), str(told["address"])[:45]
    session.kept["joined"] = address
    word = "strong" if signal >= _STRONG else "good" if signal >= _GOOD else "weak"
    if signal < _WEAK:
        word = "too weak for speech"
    kind = "ok" if signal >= _GOOD else "note" if signal >= _WEAK else "failed"
    advice = "" if kind == "ok" else "nearer to an access point, the antenna away from metal, or one more access point"
    values = {"rssi": signal, "channel": channel, "address": address}
    yield Verdict(kind, f"{name}, {signal} dBm ({word}), channel {channel}, address {address}", advice, values)


def _join_advice(key, name, found):
    if key == "wifi.password":
        return "siplet provision set wifi.password; the router may also let in known MAC addresses alone"
    try:
        names = [str(row[0])[:32] for row in found]
        seen = ", ".join(f"{str(row[0])[:32]} ({int(row[1])} dBm)" for row in found[:5])
    except (TypeError, ValueError, IndexError):
        names, seen = [], ""
    if not names:
        return "it hears no network at all: is the router on, has it 2.4 GHz, is the antenna connected?"
    if name in names:
        return f"{name} is there but does not let it in: restart the router, or look at its list of devices"
    near = difflib.get_close_matches(name.lower(), [one.lower() for one in names], 1)
    hint = f"did you mean {next(one for one in names if one.lower() == near[0])}? " if near else ""
    return f"{hint}in reach: {seen}; siplet provision set wifi.network=NAME"


_LOOK_UP = """
def _(limit, groups):
    import asyncio, time
    from siplet import platform
    from siplet.phone import Account, Uri
    from siplet.net.locate import Locator
    async def ask(locator, done, destination):
        start = time.ticks_ms()
        target = locator.target(destination)
        while not target and not done and time.ticks_diff(time.ticks_ms(), start) < limit:
            await platform.sleep_ms(10)
            if locator.addresses(destination):
                break
        ms = time.ticks_diff(time.ticks_ms(), start)
        return (destination[0], destination[1], locator.addresses(destination), ms, bool(done))
    async def all():
        found = []
        for group in groups:
            account = Account(
                _c[group + '.address'],
                registrar=_c[group + '.registrar'] or None,
                proxy=_c[group + '.proxy'] or None,
                transport=_c[group + '.transport'],
            )
            hops = [account.hop] if account.proxy else account.registrars
            for hop in hops[:3]:
                done = []
                locator = Locator(done.append, done.append, _c['dns.servers'] or None)
                found.append((group,) + await ask(locator, done, Uri(hop).destination()))
                locator.close()
        return found
    return asyncio.run(all())
"""


def names(session):
    yield from session.require("config")
    yield from session.require("wifi")
    load(session)
    if not session.kept.get("joined"):
        yield Verdict("skipped", "needs the Wi-Fi, which is not configured")
        return
    groups = accounts(session)
    wait_s = session.options.wait_s
    rows = session.answer(
        _LOOK_UP, int(wait_s * 1000), groups, limit_s=(wait_s + 1) * 3 * len(groups) + 5, busy="looking names up"
    )
    seen = set()
    for group, host, _, found, ms, ended in rows:
        host = str(host)[:253]
        if host in seen:
            continue
        seen.add(host)
        values = {"name": host, "addresses": list(found)[:8], "ms": ms}
        if host in found:
            yield Verdict("ok", f"{host} is an address: nothing to look up", values=values)
        elif found:
            yield Verdict("ok", f"{host} is {', '.join(map(str, found[:3]))}, found in {ms} ms", values=values)
        elif ended and ms < 5000:  # of siplet's six seconds
            yield Verdict(
                "failed",
                f"{host}: there is no such name",
                f"siplet provision set {_key(session, group)}, without a slip of the pen",
                values,
            )
        else:
            yield Verdict(
                "failed",
                f"{host}: no name server answers within {ms / 1000:.0f} s",
                "the router's DNS, or siplet provision set dns.servers=ADDRESS of one that answers",
                values,
            )


def _key(session, group):
    # Which key names the server
    for name in ("proxy", "registrar"):
        if session.get(f"{group}.{name}"):
            return f"{group}.{name}"
    return f"{group}.address"
