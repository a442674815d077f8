# The doctor's rules about requests and answers: credentials, refusals, silence, addresses, registrations.
# Imports finding.

import ipaddress
import re

from siplet_tools.wire.finding import Finding, parameter, transactions, user


def challenges(evidence):
    """401 and 407 that never end: the credentials are wrong, or for another realm."""
    last = {}
    for message in evidence.messages:
        key = (message.call_id, message.method)
        name = {401: "www-authenticate", 407: "proxy-authenticate"}.get(message.status)
        if not message.status:
            given = message.get("authorization") or message.get("proxy-authorization")
            if given:
                last[key] = given
        elif name and key in last:
            asked, given = message.get(name), last[key]
            wanted, told = parameter(asked, "realm"), parameter(given, "realm")
            if wanted != told:
                yield Finding(
                    "wrong-realm",
                    f'{user(message)}: the server asks for realm "{wanted}", and the answer was for "{told}"',
                    "two servers answer under one name, or the account is of the other one: check registrar, proxy",
                    message.time,
                )
            elif parameter(asked, "stale").lower() != "true" and parameter(asked, "nonce") != parameter(given, "nonce"):
                yield Finding(
                    "wrong-password",
                    f'{user(message)}: {message.method} is refused again and again ({message.status}, realm "{wanted}",'
                    f' user "{parameter(given, "username")}")',
                    "the password or user is wrong: siplet provision set sip.password; some servers want sip.user",
                    message.time,
                )
            elif parameter(asked, "stale").lower() != "true":
                yield Finding(
                    "wrong-password",
                    f"{user(message)}: {message.method} was refused with its credentials ({message.status})",
                    "the password or user is wrong: siplet provision set sip.password; some servers want sip.user",
                    message.time,
                )


_REFUSED = {
    403: ("the server forbids it", "the account is blocked, used from a wrong network, or may not call there"),
    404: ("nobody has that number or name", "check the number, and whether the called one is registered"),
    480: ("the called one is not reachable now", "look whether it is registered: its phone, or the server's list"),
    486: ("the called one is busy", "try again later; sip.max_calls says how many calls a siplet takes"),
    488: ("no codec is shared, or encryption is wanted on one side only", "allow PCMA or PCMU on both; check SRTP"),
    408: ("nobody answered in time", "the called phone is off, or packets to it are lost"),
    415: ("that media type is not understood", "see what the message carried"),
    420: ("an extension is wanted that this side does not have", "the server requires what it should only support"),
    482: ("the call came back to itself", "a forwarding loop: look at the server's routes"),
    502: ("a gateway behind the server failed", "the fault is with the provider"),
    503: ("the server is overloaded or in maintenance", "wait; a second registrar behind a comma takes over"),
}  # fmt: skip


def refusals(evidence):
    """Calls and registrations that end with an error."""
    for message in evidence.messages:
        if message.status in _REFUSED and message.method in ("INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE", "REFER"):
            what, advice = _REFUSED[message.status]
            severity = "note" if message.status in (480, 486, 408) else "failed"
            to = re.search(r"sips?:([^;>\s]+)", message.get("to"))
            where = f" to {to[1]}" if to and message.method != "REGISTER" else f" of {user(message)}"
            yield Finding(
                f"refused-{message.status}",
                f"{message.method}{where}: {message.status}, {what}",
                advice,
                message.time,
                severity,
            )


def unanswered(evidence):
    """Requests without any answer, OPTIONS of a server (qualify) among them."""
    answered = {}
    for key, messages in transactions(evidence).items():
        requests = [m for m in messages if not m.status]
        if not requests or key[2] == "ACK":
            continue
        waited = evidence.end - requests[0].time
        if not any(m.status for m in messages):
            place = (requests[0].source, requests[0].target, key[2])
            entry = answered.setdefault(place, [0, 0, requests[0], 0])
            if waited > (2 if len(requests) == 1 else 1):
                entry[0] += 1
                entry[1] += len(requests)
                entry[3] = max(entry[3], waited)
    for (source, target, method), (count, sent, message, waited) in answered.items():
        if not count or (sent < 3 and waited < 5):
            continue
        if method == "OPTIONS":
            yield Finding(
                "qualify-unanswered",
                f"{target[0]}:{target[1]} does not answer OPTIONS of {source[0]}:{source[1]} ({count} asked)",
                "the server takes that phone for unreachable: it is off, behind a NAT whose hole has closed "
                "(sip.keepalive_s = 25), or a firewall is between",
                message.time,
            )
        else:
            yield Finding(
                "no-answer",
                f"{method} to {target[0]}:{target[1]} was sent {sent} times and never answered",
                "wrong address, port or transport of the server, a firewall, or the server is down",
                message.time,
            )


def acknowledgements(evidence):
    """200 to an INVITE that is repeated: its ACK does not arrive."""
    for (_, _, method), messages in transactions(evidence).items():
        final = [m for m in messages if m.status == 200]
        if method != "INVITE" or len(final) < 3 or final[-1].time - final[0].time < 1.4:
            continue
        first = final[0]
        acks = [m for m in evidence.messages if m.method == "ACK" and m.call_id == first.call_id and not m.status]
        yield Finding(
            "ack-lost",
            f"the answer to the call of {user(first)} was repeated {len(final)} times: "
            + ("its ACK went astray" if acks else "nobody acknowledged it"),
            "the address in Contact cannot be reached from the other side: it is private, or a NAT changed it "
            "(sound.stun_server; let the server handle NAT)",
            first.time,
        )


def _private(address):
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return ip.is_private and not ip.is_loopback and not ip.is_unspecified


def _global(address):
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def private_addresses(evidence):
    """Private addresses in Contact or SDP that go out to where nobody can use them."""
    for message in evidence.messages:
        outwards = _global(message.target[0])
        inwards = _global(message.source[0])
        if not outwards and not inwards:
            continue
        contact = re.search(r"sips?:(?:[^@>\s]*@)?(\[[^\]]+\]|[^;:>\s]+)", message.get("contact"))
        host = contact[1].strip("[]") if contact else ""
        side = "this side" if outwards else "the far end"
        if _private(host) and message.method in ("INVITE", "REGISTER", "SUBSCRIBE"):
            yield Finding(
                "private-contact",
                f"Contact of {side} says {host}, a private address, to {message.target[0]}",
                "requests to it get lost unless the server repairs it (nat=yes, force_rport, fix_nated_register)",
                message.time,
                "note",
            )
        sdp = message.sdp()
        if sdp and _private(sdp["address"]):
            yield Finding(
                "private-sdp",
                f"the SDP of {side} asks for sound at {sdp['address']}, a private address",
                "one-way sound: set sound.stun_server, or let the server relay the sound (rtpengine, directmedia=no)",
                message.time,
            )


def registrations(evidence):
    """Registrations that run out, or come too late."""
    granted = {}
    for message in evidence.messages:
        if message.method != "REGISTER":
            continue
        who = user(message)
        if not message.status and who in granted:
            until, expires = granted[who]
            if message.time > until + 1:
                yield Finding(
                    "registration-lapsed",
                    f"{who} was not registered for {message.time - until:.0f} s: granted {expires} s, and late",
                    "calls in that time were lost: the board was off or without network; see its log",
                    until,
                )
                granted.pop(who)
        elif message.status == 200:
            expires = _granted(message)
            if expires:
                granted[who] = (message.time + expires, expires)
                if expires < 60:
                    yield Finding(
                        "registration-short",
                        f"{who}: the server grants {expires} s only",
                        "fine behind a NAT; else it costs the server and the board some work",
                        message.time,
                        "note",
                    )
            else:
                granted.pop(who, None)  # taken back
    for who, (until, expires) in granted.items():
        if evidence.end > until + 1:
            yield Finding(
                "registration-lapsed",
                f"{who} is not registered any more: granted {expires} s, and never renewed",
                "the board is off, without network, or gave up: siplet monitor shows which",
                until,
            )


def _granted(message):
    found = re.findall(r"(?i);\s*expires=(\d+)", ",".join(message.headers.get("contact", [])))
    found = found or message.headers.get("expires", [])
    return max((int(value) for value in found if str(value).isdigit()), default=0)


def sizes(evidence):
    """Requests over UDP that no longer fit into a packet of most networks."""
    for message in evidence.messages:
        size = len(message.body) + sum(
            len(name) + len(v) + 4 for name, values in message.headers.items() for v in values
        )
        if size > 1450:
            yield Finding(
                "too-long",
                f"a {message.method} has about {size} bytes and goes out in fragments, which many routers drop",
                "sip.compact = true, or sip.transport = tcp",
                message.time,
                "note",
            )


RULES = (challenges, refusals, unanswered, acknowledgements, private_addresses, registrations, sizes)
