# The doctor's rules about sound, keys, and what the board's own log says. Imports finding.

import re
from dataclasses import dataclass

from siplet_tools.wire.finding import Finding, transactions

_SPEAKING = 2  # s of a call after which both should have been heard
_RTP_DTMF = ("telephone-event",)


@dataclass
class _Call:
    call_id: str
    answered: float
    ended: float
    offer: dict
    answer: dict
    caller: tuple
    callee: tuple
    offer_message: object
    answer_message: object


def _calls(evidence):
    # Established calls with both descriptions
    for (call_id, _, method), messages in transactions(evidence).items():
        if method != "INVITE":
            continue
        request = next((m for m in messages if not m.status), None)
        final = next((m for m in messages if m.status == 200), None)
        if not request or not final:
            continue
        offer, answer = request.sdp(), final.sdp()
        if not offer or not answer:
            continue
        byes = [m.time for m in evidence.messages if m.call_id == call_id and m.method == "BYE" and not m.status]
        later = [
            m.time
            for m in evidence.messages
            if m.call_id == call_id and m.method == "INVITE" and not m.status and m.time > final.time
        ]
        ended = min([*byes, *later, evidence.end])
        yield _Call(call_id, final.time, ended, offer, answer, request.source, request.target, request, final)


def sound(evidence):
    """Calls in which one direction has no RTP, or none has."""
    if not evidence.flows:
        return
    for call in _calls(evidence):
        if call.ended - call.answered < _SPEAKING:
            continue
        if "inactive" in (call.offer["way"], call.answer["way"]) or 0 in (call.offer["port"], call.answer["port"]):
            continue
        held = "0.0.0.0" in (call.offer["address"], call.answer["address"])
        to_callee = _heard(evidence, call, call.answer)
        to_caller = _heard(evidence, call, call.offer)
        names = (f"{call.caller[0]}:{call.caller[1]}", f"{call.callee[0]}:{call.callee[1]}")
        advice = (
            "sound goes to an address that is wrong or shut: look at the SDP's addresses and the firewall's UDP ports; "
            "behind a NAT: sound.stun_server"
        )
        if not to_callee and not to_caller and not held:
            yield Finding("no-sound", f"the call {names[0]} to {names[1]} had no sound at all", advice, call.answered)
        elif not to_callee and call.offer["way"] != "recvonly" and call.answer["way"] != "sendonly" and not held:
            yield Finding(
                "one-way", f"in the call {names[0]} to {names[1]} the called side heard nothing", advice, call.answered
            )
        elif not to_caller and call.offer["way"] != "sendonly" and call.answer["way"] != "recvonly" and not held:
            yield Finding(
                "one-way", f"in the call {names[0]} to {names[1]} the caller heard nothing", advice, call.answered
            )


def _heard(evidence, call, description):
    # Packets that went to where a description asks for them, while the call was up
    return sum(
        flow.packets
        for (_, target), flow in evidence.flows.items()
        if target[1] == description["port"] and flow.last >= call.answered and flow.first <= call.ended
    )


def keys(evidence):
    """DTMF in a form that the other side does not take."""
    for message in evidence.messages:
        if message.method == "INFO" and message.status >= 400:
            yield Finding(
                "dtmf-info-refused",
                f"a key by INFO was refused: {message.status} {message.first[12:]}".strip(),
                "the other side wants keys in RTP: sound.keys_are_sent_as = rtp, or allow INFO there (dtmf_mode=info)",
                message.time,
            )
    for call in _calls(evidence):
        with_events = [any(name in side["formats"] for name in _RTP_DTMF) for side in (call.offer, call.answer)]
        infos = [m for m in evidence.messages if m.call_id == call.call_id and m.method == "INFO" and not m.status]
        events = {
            number
            for side in (call.offer, call.answer)
            for number, name in zip(side["numbers"], side["formats"])
            if name in _RTP_DTMF
        }
        sent = [
            (target, kinds)
            for (_, target), flow in evidence.flows.items()
            for kinds in [flow.kinds]
            if flow.last >= call.answered and target[1] in (call.offer["port"], call.answer["port"])
        ]
        used = any(int(number) in kinds for number in events for _, kinds in sent)
        if not all(with_events) and (used or any(101 in kinds for _, kinds in sent)) and not infos:
            yield Finding(
                "dtmf-unheard",
                "keys were sent as RTP events (RFC 4733), and the other side's SDP does not list telephone-event",
                "nobody listens: switch the other side to RFC 4733, or send INFO (sound.keys_are_sent_as = info)",
                call.answered,
            )
        elif not any(with_events) and not infos:
            yield Finding(
                "dtmf-in-sound",
                "neither side offers telephone-event: keys travel as tones in the sound, if at all",
                "they open no door unless tones are listened to: allow RFC 4733 or INFO on the server (dtmf_mode)",
                call.answered,
                "note",
            )


_SAYINGS = (
    (r"(?i)brownout", "power", "the board's supply sags", "a better cable or supply: Wi-Fi takes 500 mA at times"),
    (r"Guru Meditation|panic'ed", "crash", "MicroPython crashed", "put the newest MicroPython on it: siplet flash"),
    (r"MemoryError", "memory", "the board's heap is full", "siplet deploy --romfs, sound.complete = false, or PSRAM"),
    (r"(?i)no such network", "wifi", "the Wi-Fi is not there", "check wifi.network, and that it is of 2.4 GHz"),
    (r"(?i)wrong password.*(wi-?fi|network)|(wi-?fi|network).*wrong password", "wifi", "the Wi-Fi's password is wrong",
     "siplet provision set wifi.password"),
    (r"(?i)siplet is not whole", "deploy", "what is on the board is not whole", "siplet deploy"),
)  # fmt: skip


def sayings(evidence):
    """What the board's own log says."""
    resets = 0
    for line in evidence.lines:
        for pattern, kind, text, advice in _SAYINGS:
            if re.search(pattern, line):
                yield Finding(kind, text, advice, evidence.start)
        resets += bool(re.match(r"rst:0x", line))
    if resets > 2:
        yield Finding(
            "boot-loop", f"the board started {resets} times", "siplet monitor shows what came before", evidence.start
        )


RULES = (sound, keys, sayings)
