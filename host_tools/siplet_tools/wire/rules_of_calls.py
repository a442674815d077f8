# The doctor's rules about requests and answers: refusals, silence, acknowledgements. Imports finding, exchanges,
# rules_of_credentials.

from collections import Counter

from siplet_tools.wire.exchanges import chains, transactions
from siplet_tools.wire.finding import Finding, is_multicast, place
from siplet_tools.wire.rules_of_credentials import is_scanner

_REFUSED = {
    400: ("the server does not understand it", "one of both has a fault: save a capture for its makers"),
    403: ("the server forbids it", "the account may not call there, or this address is not allowed to"),
    404: ("nobody has that number or name", "check the number, and whether the called one is registered"),
    408: ("nobody answered in time", "the called phone is off, or packets to it are lost"),
    415: ("that kind of content is not understood", "see what the message carried"),
    420: ("an extension is wanted that this side does not have", "the server requires what it should only support"),
    480: ("the called one is not reachable now", "look whether it is registered: its phone, or the server's list"),
    482: ("the call came back to itself", "a forwarding loop: look at the server's routes"),
    483: ("it went through too many servers", "a forwarding loop: look at the server's routes"),
    484: ("the number is not complete", "dial it as the server's dial plan wants it"),
    486: ("the called one is busy", "try again later; sip.max_calls says how many calls a siplet takes"),
    488: ("no codec is shared, or encryption is wanted on one side only", "allow PCMA or PCMU on both; check SRTP"),
    500: ("the server failed", "the fault is the server's: its log says which"),
    502: ("a gateway behind the server failed", "the fault is with the provider"),
    503: ("the server is overloaded or in maintenance", "wait; a second registrar behind a comma takes over"),
    600: ("the called one is busy everywhere", "try again later"),
    603: ("the called one declined", "somebody pressed the button, or a list of blocked numbers did"),
}
_REGISTER = {
    403: ("the server forbids it", "some servers say so of a wrong user or password; else the account is blocked"),
    404: ("the server does not know this user", "check sip.address and sip.user"),
}
_USUAL = (401, 407, 412, 421, 422, 423, 481, 487, 489, 491)  # part of a normal course, or told by other rules
_NOTES = (408, 480, 486, 600, 603)  # people do that


def refusals(evidence):
    """Calls, messages and registrations that came to nothing."""
    seen = set()
    accepted = {m.account: m.time for m in evidence.messages if m.status == 200 and m.method == "REGISTER"}  # the last
    for chain in chains(evidence, ("INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE", "REFER")):
        first, last = chain[0], chain[-1]
        # The hop nearest to the caller comes first: of what a proxy tried behind it, that one's answer counts
        key = (first.call_id, first.method, first.first.tag("from"))
        if key in seen or not first.starts_dialog or is_scanner(first.first):
            continue
        seen.add(key)
        if last.status < 400 or last.status in _USUAL or any(200 <= one.status < 300 for one in chain):
            continue
        what, advice = _REFUSED.get(last.status, (last.final.reason or "refused", "what it means is in RFC 3261"))
        note = last.status in _NOTES or last.method == "SUBSCRIBE"  # of a mailbox that is not there, for one
        about = " to " + last.first.user("to")
        if last.method == "REGISTER":
            what, advice = _REGISTER.get(last.status, (what, advice))
            about, note = " of " + last.first.account, accepted.get(last.first.account, 0) > last.final.time
        yield Finding(
            f"refused-{last.status}",
            f"{last.method}{about}: {last.status}, {what}",
            advice,
            last.final.time,
            "note" if note else "failed",
        )


def unanswered(evidence):
    """Requests without any answer, OPTIONS of a server (qualify) among them."""
    silent, spoke = {}, {}
    half = _half_seen(evidence)
    if any(m.status and not (m.call_id and m.cseq) for m in evidence.messages):
        return  # answers that were cut: nobody knows to what
    for one in transactions(evidence):
        request = one.first
        if one.method in ("ACK", "CANCEL") or is_multicast(request.target[0]) or is_scanner(request):
            continue
        if request.get("event").lower().startswith("keep-alive"):  # meant for a NAT
            continue
        key = (*one.hop, one.method)
        if one.answers:
            spoke[one.hop[1]] = max(request.time, spoke.get(one.hop[1], 0))
        else:
            silent.setdefault(key, []).append(one)
    for (source, target, method), lost in silent.items():
        sent = max(_copies(one) for one in lost)
        waited = evidence.end - lost[0].first.time
        if not (sent >= 3 or waited > 5) or waited < 1:
            continue
        if method == "OPTIONS" and spoke.get(target, 0) > lost[-1].first.time:
            continue  # it was away for a while
        if (source[0], target[0]) in half:
            continue
        at = lost[0].first.time
        if method == "OPTIONS":
            yield Finding(
                "qualify-unanswered",
                f"{place(target)} does not answer OPTIONS of {place(source)} ({len(lost)} asked)",
                "the server takes that phone for unreachable: it is off, behind a NAT whose hole has closed "
                "(sip.keepalive_s = 25), or a firewall is between",
                at,
            )
            continue
        long = max(one.first.size for one in lost)
        advice = "wrong address, port or transport, a firewall, or what is there is off"
        if long > 1472 and lost[0].first.protocol == "udp":
            advice = (
                f"it has {long} bytes and goes out in pieces, which many routers drop: sip.compact = true, or "
                "sip.transport = tcp; else " + advice
            )
        yield Finding(
            "no-answer",
            f"{method} to {place(target)} was sent {_times(sum(map(_copies, lost)))} and never answered",
            advice,
            at,
        )


def _times(count):
    return "once" if count == 1 else f"{count} times"


def _copies(one):
    # How often it was sent, on one of the links where the capture saw it
    return max(Counter((m.source, m.target) for m in one.requests).values())


def _half_seen(evidence):
    # {(source, target): request} of addresses of which one is seen to send alone, though it knows what the other says:
    # it acknowledges, or answers a challenge
    ways = {(m.source[0], m.target[0]) for m in evidence.messages}
    plain, found = set(), {}
    for m in evidence.messages:
        way = m.source[0], m.target[0]
        if m.status or way[::-1] in ways:
            continue
        if not (m.get("authorization") or m.get("proxy-authorization")):
            plain.add((way, m.method, m.call_id))
        elif (way, m.method, m.call_id) in plain:
            found.setdefault(way, m)
        if m.method == "ACK" and (way, "INVITE", m.call_id) in plain:
            found.setdefault(way, m)
    return found


def half_seen(evidence):
    """A capture that has one direction alone."""
    for (source, target), one in _half_seen(evidence).items():
        yield Finding(
            "half-capture",
            f"the capture has what {source} sends to {target}, and nothing of what comes back",
            "capture on the phone's or the server's own interface, or mirror both directions",
            one.time,
            "note",
        )


def acknowledgements(evidence):
    """200 to an INVITE that is repeated: its ACK does not arrive."""
    known = transactions(evidence)
    acks = {(one.call_id, one.cseq) for one in known if one.method == "ACK"}
    told = set()
    for one in known:
        finals = [m for m in one.answers if m.status == 200 and m.tag("to") == one.final.tag("to")]
        if one.method != "INVITE" or one.call_id in told or len(finals) < 3 or finals[-1].time - finals[0].time < 1.4:
            continue
        told.add(one.call_id)
        yield Finding(
            "ack-lost",
            f"the answer to the call of {one.first.account} was repeated {len(finals)} times: "
            + ("its ACK went astray" if (one.call_id, one.cseq) in acks else "nobody acknowledged it"),
            "the address in Contact cannot be reached from the other side: it is private, or a NAT changed it "
            "(sound.stun_server; let the server handle NAT)",
            finals[0].time,
        )


RULES = (refusals, unanswered, half_seen, acknowledgements)
