# The check of the registration: a phone with the board's accounts is opened on the board and asks its servers.
# Imports checking, network.

from siplet_tools.board.checking import Verdict
from siplet_tools.board.checks import network

_START_S = 15  # to load its modules, to leave

# The phone keeps its connections under a name that a joined build has shortened: they are found by what they are
_REGISTER = """
def _(address, limit):
    import asyncio, time
    from siplet import platform
    from siplet.errors import LocalError, RemoteError
    from siplet.phone import Phone, Uri
    def account(group):
        names = 'user', 'password', 'registrar', 'expires', 'transport', 'proxy'
        found = {name: _c[group + '.' + name] or None for name in names}
        found['register'] = _c[group + '.register']
        return found
    def make():
        phone = Phone(
            _c['sip.address'],
            local_address=_c['sip.local_address'] or address,
            local_port=_c['sip.local_port'],
            servers=_c['dns.servers'] or None,
            sound={'sound.complete': False},
            **account('sip')
        )
        if _c['tls.ca'] or _c['tls.pin'] or _c['tls.insecure']:
            phone.streams = {'tls': {name: _c['tls.' + name] for name in ('ca', 'pin', 'insecure')}}
        for group in ('sip2', 'sip3', 'sip4'):
            if _c[group + '.address']:
                phone.add_account(_c[group + '.address'], **account(group))
        return phone
    def busy(phone):
        return any(one.register and one.registration in ('off', 'registering') for one in phone.accounts)
    async def go():
        platform.install()
        try:
            phone = make()
            await phone.__aenter__()
        except RemoteError as error:
            raise LocalError('sip.address, sip.registrar: cannot be used (' + error.text + ')')
        except OSError as error:
            raise LocalError('sip.local_address, sip.local_port: cannot be opened (' + str(error) + ')')
        start = time.ticks_ms()
        try:
            while busy(phone) and time.ticks_diff(time.ticks_ms(), start) < limit:
                await platform.sleep_ms(10)
            ms = time.ticks_diff(time.ticks_ms(), start)
            why = ''
            for one in phone.__dict__.values():
                links = getattr(one, 'links', None)
                why = getattr(links, 'last_error', '') or why
            rows = []
            for one in phone.accounts:
                where = Uri(one.hop).destination()
                rows.append((
                    one.registration if one.register else 'none', one.status, where[0], where[1],
                    one.binding.granted if one.binding else 0,
                ))
            return {'rows': rows, 'ms': ms, 'heard': phone.received, 'why': why}
        finally:
            await phone.close(1500 if any(one.registration == 'registered' for one in phone.accounts) else 0)
    return asyncio.run(go())
"""


def registration(session):
    yield from session.require("config")
    yield from session.require("wifi")
    network.load(session)
    if not session.kept.get("joined"):
        yield Verdict("skipped", "needs the Wi-Fi, which is not configured")
        return
    groups = network.accounts(session)
    if session.results.get("names") is False and len(groups) == 1:
        yield Verdict("skipped", "needs the registrar's address, which names could not find")
        return
    session.fresh()  # the phone gets the heap that it will have; the Wi-Fi stays joined
    network.load(session)
    wait_s = session.options.wait_s
    told = session.answer(
        _REGISTER,
        session.kept["joined"],
        int(wait_s * 1000),
        limit_s=_START_S + wait_s,
        busy="registering, as the phone does it",
    )
    for group, row in zip(groups, told["rows"]):
        yield _judge(session, group, row, told)
    session.fresh()


def _judge(session, group, row, told):
    state, status, host, port, granted = row
    status, where = int(status), f"{str(host)[:253]}" + (f":{port}" if port else "")
    who = str(session.get(group + ".address"))[:128]
    secret = bool(session.get(group + ".has_password"))
    values = {"account": group, "state": state, "status": status, "ms": told["ms"]}
    if state == "none":
        return Verdict("note", f"{who}: not configured", f"{group}.password or {group}.registrar makes it register")
    if state in ("registered", "refreshing"):
        return Verdict("ok", f"{who} is registered at {where} for {granted} s, in {told['ms']} ms", "", values)
    text, advice = _reason(session, group, state, status, secret, told)
    return Verdict("failed", f"{who} at {where}: {text}", advice, values)


def _reason(session, group, state, status, secret, told):
    why = " ".join(str(told["why"])[:200].split())
    if not told["heard"]:
        if why:
            return f"cannot be reached: {why}", _stream_advice(group, why)
        return (
            f"no answer within {session.options.wait_s:g} s",
            f"is the server on, is {group}.registrar its name, {group}.transport one that it takes? "
            "A firewall may drop it, or the server tell strangers nothing",
        )
    if status in (401, 407):
        if not secret:
            return "it wants a password, and none is set", f"siplet provision set {group}.password"
        return (
            f"the password, or the account's name, is wrong ({status})",
            f"siplet provision set {group}.password; {group}.user, when the login is not the address's number",
        )
    if status == 403:
        return (
            "it refuses this account (403)",
            f"the password ({group}.password), or the server lets this account in from elsewhere only",
        )
    if status in (404, 604):
        return f"it knows no such account ({status})", f"siplet provision set {group}.address, or make the account"
    if status in (405, 501):
        return f"it takes no registrations ({status})", f"siplet provision set {group}.registrar"
    if state == "registering":
        return (
            f"it answers, but not with a verdict within {session.options.wait_s:g} s",
            "siplet doctor shows what it says",
        )
    if status >= 500:
        return f"the server has troubles of its own ({status})", "look at the server's log"
    return f"it refuses ({status})", "siplet doctor shows what it says; the server's log tells why"


def _stream_advice(group, why):
    if "certificate" in why or "clock" in why or "fingerprint" in why:
        return "tls.ca, tls.pin: the certificate is another one, has ended, or the board's clock is not set"
    return f"is the server on, does it take {group}.transport at that port?"
