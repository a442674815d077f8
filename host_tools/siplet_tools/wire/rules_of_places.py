# The doctor's rules about where a phone can be reached: private addresses, registrations that run out.
# Imports finding, exchanges.

import re

from siplet_tools.wire.exchanges import exchanges, transactions
from siplet_tools.wire.finding import Finding, is_private, is_public, place

_SPEAKING_S = 3  # of a call, after which sound should have come
_LATE_S = 2  # s by which a registration may be renewed too late: the way there, and servers that count whole seconds


def private_contacts(evidence):
    """Private addresses in Contact that go out to where nobody can use them."""
    known = transactions(evidence)
    # (address of a server, address behind which it found a phone)
    reached = {(one.first.source[0], one.first.target[0]) for one in known if one.answers}
    ended = {one.call_id for one in known if one.method == "BYE" and one.status == 200}
    for one in known:
        if one.method not in ("REGISTER", "INVITE", "SUBSCRIBE"):
            continue
        answers = [m for m in one.answers if one.method == "INVITE" and 180 <= m.status < 300]
        for m in [one.first, *answers[-1:]]:
            host = m.contact()[1]
            outside = (m.source[0], m.target[0])
            if not is_private(host) or not any(is_public(end) for end in outside) or m.get("record-route"):
                continue  # a proxy stays on the way: the Contact need not be reached from here
            if outside[::-1] in reached or m.call_id in ended or (one.method == "INVITE" and one.status >= 300):
                continue  # the server knows how, or nobody needed it
            yield Finding(
                "private-contact",
                f"{m.user('to') if m.status else m.account}: Contact says {host}, a private address, to {outside[1]}",
                "calls to it get lost unless the server repairs it (force_rport, nat=yes, fix_nated_register)",
                m.time,
                "note",
            )


def private_sound(evidence):
    """Private addresses in SDP that go out to where nobody can use them."""
    told = set()
    targets = {target for _, target in evidence.flows}
    talked = {one.call_id for one in exchanges(evidence) if one.end - one.start >= _SPEAKING_S}
    for m in evidence.messages:
        audio = m.sdp()
        if not audio or not is_private(audio.address) or not audio.port or audio.ice or m.status >= 300:
            continue
        if (not is_public(m.source[0]) and not is_public(m.target[0])) or (m.call_id, audio.address) in told:
            continue
        told.add((m.call_id, audio.address))
        place_told = (audio.address, audio.port)
        if is_public(m.source[0]) and place_told in targets:
            severity = "failed"  # sound is sent there, and gets lost
        elif any(target[0] in (m.source[0], audio.address) for target in targets):
            continue  # it finds its way: the other side answers to where ours comes from
        else:
            severity = "failed" if targets and m.call_id in talked else "note"
        yield Finding(
            "private-sdp",
            f"{m.user('to' if m.status else 'from')}: the SDP asks {m.target[0]} to send sound to "
            f"{place(place_told)}, a private address",
            "sound in one direction: set sound.stun_server, or let the server relay it (rtpengine, directmedia=no); "
            "a server behind a NAT has to be told its public address",
            m.time,
            severity,
        )


_EXPIRES = re.compile(r"(?i)(?:^|;)\s*expires\s*=\s*\"?(\d{1,9})")


def _granted(one):
    # Seconds that the server granted to the Contact of this request; 0: taken back
    contact = one.first.contact()[0]
    asked = _EXPIRES.search(one.first.get("contact"))
    asked = asked[1] if asked else one.first.get("expires")
    if asked == "0" or not contact:  # "*" has no address
        return 0
    listed = ",".join(one.final.headers.get("contact", ()))
    own = re.search(r"sips?:" + re.escape(contact) + r"(?![\w.:-])[^,]*", listed)
    found = _EXPIRES.findall(own[0] if own else listed)  # the server may write it in another way
    if found:
        return max(map(int, found))
    value = one.final.get("expires") or asked
    return int(value) if re.fullmatch(r"[0-9]{1,9}", value) else 0


def registrations(evidence):
    """Registrations that run out, or are renewed too late."""
    granted = {}
    for one in transactions(evidence):
        if one.method != "REGISTER":
            continue
        who = (one.first.account, one.first.source[0])
        if who in granted and one.first.get("contact"):
            until, seconds = granted[who]
            if one.first.time > until + _LATE_S:
                yield _lapsed(who[0], until, seconds, f"for {one.first.time - until:.0f} s, and came late")
                granted.pop(who)
        if one.status == 200 and one.first.get("contact"):  # without one it only asks
            seconds = _granted(one)
            granted.pop(who, None)
            if seconds:
                granted[who] = (one.final.time + seconds, seconds)
    for (who, _), (until, seconds) in granted.items():
        if evidence.end > until + _LATE_S:
            yield _lapsed(who, until, seconds, f"from then on ({evidence.end - until:.0f} s that were seen)")


def _lapsed(who, until, seconds, how):
    return Finding(
        "registration-lapsed",
        f"{who} was not registered {how}: granted for {seconds} s, and not renewed in time",
        "calls in that time are lost: the phone was off, without network, or the server did not answer; see its log",
        until,
    )


RULES = (private_contacts, private_sound, registrations)
