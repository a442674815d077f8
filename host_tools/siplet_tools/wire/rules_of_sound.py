# The doctor's rules about sound and keys. Imports finding, exchanges, evidence.

from siplet_tools.wire.evidence import within
from siplet_tools.wire.exchanges import exchanges, transactions
from siplet_tools.wire.finding import Finding, place

_SPEAKING_S = 3  # of a call, after which both should have been heard
_ENOUGH = 50  # packets, a second: what the other side sends, so that silence is none of both
_DTMF = ("application/dtmf", "application/vnd.nortelnetworks.digits")
_NO_VERDICT = (401, 407, 408, 481, 487)  # on the form of a key
_ADVICE = (
    "sound goes to an address that is wrong or shut: look at the SDP's addresses and the firewall's UDP ports; "
    "behind a NAT: sound.stun_server"
)


def sound(evidence):
    """Calls in which one direction has no RTP, or none has, though other calls have."""
    told = set()
    here = _capturing(evidence)
    for one in exchanges(evidence) if evidence.flows else ():
        if one.end - one.start < _SPEAKING_S or not (one.offer.is_open and one.answer.is_open):
            continue  # on hold sound may come or not
        if one.offer.ice or one.answer.ice:
            continue  # it goes elsewhere
        to_offerer, to_answerer = one.heard(evidence)
        sides = ((one.names[0], one.offer), (one.names[1], one.answer))
        for deaf, heard, other in ((0, to_offerer, to_answerer), (1, to_answerer, to_offerer)):
            name, audio = sides[deaf]
            if not heard and other >= _ENOUGH and (one.call_id, name) not in told:
                told.add((one.call_id, name))
                yield Finding(
                    "one-way",
                    f"{name} hears nothing of {sides[1 - deaf][0]}: no RTP came to {_where(audio)} in "
                    f"{one.end - one.start:.0f} s, and {other} packets went the other way",
                    _ADVICE,
                    one.start,
                )
        silent = not to_offerer and not to_answerer and here & {one.offer.address, one.answer.address}
        if silent and (one.call_id, "") not in told:
            told.add((one.call_id, ""))
            yield Finding(
                "no-sound",
                f"{one.names[0]} and {one.names[1]} hear nothing of each other in {one.end - one.start:.0f} s",
                _ADVICE,
                one.start,
            )


def _where(audio):
    return place((audio.address, audio.port))


def _capturing(evidence):
    # The addresses that are an end of all that was captured: where RTP would have been seen, too
    common = None
    for ends in [(m.source, m.target) for m in evidence.messages] + list(evidence.flows):
        pair = {end[0] for end in ends}
        common = pair if common is None else common & pair
    return common or set()


def keys(evidence):
    """DTMF in a form that the other side does not take."""
    known = exchanges(evidence)
    by_event, told = set(), set()
    for one in known:
        asked = (one.offer, one.answer)
        if all(side.events for side in asked) and any(
            within(flow.kinds[kind], one.start, one.end)
            for flows in one.flows(evidence)
            for flow in flows
            for kind in flow.kinds.keys() & (one.offer.events | one.answer.events)
        ):
            by_event.add(one.call_id)  # keys that were heard
    infos = [
        one
        for one in transactions(evidence)
        if one.method == "INFO" and one.first.get("content-type").lower().startswith(_DTMF)
    ]
    heard = {one.call_id for one in infos if 200 <= one.status < 300}  # there are two forms of INFO: one was taken
    for one in infos:
        if one.status >= 400 and one.status not in _NO_VERDICT and one.call_id not in by_event | heard | told:
            told.add(one.call_id)
            yield Finding(
                "dtmf-info-refused",
                f"keys of {one.first.account} by INFO are refused: {one.status} {one.final.reason}".strip(),
                "the other side wants them in RTP: sound.keys_are_sent_as = rtp, or allow INFO there (dtmf_mode=info)",
                one.final.time,
            )
    for one in known:
        sides = ((one.names[0], one.offer), (one.names[1], one.answer))
        for to, flows in zip((0, 1), one.flows(evidence)):
            (name, audio), (sender, theirs) = sides[to], sides[1 - to]
            if audio.events or one.call_id in heard | told:
                continue
            times = sorted(
                time for flow in flows for kind, time in _pressed(flow, audio, theirs) if one.start <= time <= one.end
            )
            if times:
                told.add(one.call_id)
                yield Finding(
                    "dtmf-unheard",
                    f"keys of {sender} are sent as RTP events (RFC 4733) to {name}, whose SDP does not list "
                    "telephone-event",
                    "nobody listens: switch that side to RFC 4733, or send INFO (sound.keys_are_sent_as = info)",
                    times[0],
                )


def _pressed(flow, audio, theirs):
    # (payload type, time) of events: what the sender's own SDP calls so, or what looks like it and nobody named
    for kind, times in flow.kinds.items():
        if kind in theirs.events and kind not in audio.names:
            yield from ((kind, time) for time in times)
    for kind, times in flow.keys.items():
        if kind not in audio.names and kind not in theirs.names:
            yield from ((kind, time) for time in times)


RULES = (sound, keys)
