# The doctor's rules about a board's own log. Imports finding.

import re

from siplet_tools.wire.finding import Finding

_SAYINGS = (
    (r"(?i)brownout detector", "power", "the board's supply sags",
     "a better cable or supply: Wi-Fi takes 500 mA at times"),
    (r"Guru Meditation|.*panic'ed", "crash", "MicroPython crashed", "put the newest MicroPython on it: siplet flash"),
    (r"rst:0x\w+ \((?:TG\dWDT|RTCWDT|INT_?WDT|TASK_?WDT)\w*", "watchdog", "the board's watchdog reset it",
     "an application held it up: siplet monitor shows what came before"),
    (r"MemoryError\b", "memory", "the board's heap is full", "sound.complete = false, or a board with PSRAM"),
    (r"sound plain: the rest does not fit", "memory", "the heap has no room for all of the sound",
     "calls work, and sound worse: a board with PSRAM has the room"),
    (r"wifi\.network: no network", "wifi", "the Wi-Fi is not there",
     "check wifi.network and the distance; ESP32 boards know 2.4 GHz alone"),
    (r"wifi\.network: .*gives no address", "wifi", "the Wi-Fi gives the board no address", "look at its DHCP server"),
    (r"wifi\.password: .*(?:does not take it|wants one)", "wifi", "the Wi-Fi refuses the board",
     "siplet provision set wifi.password"),
    (r"wifi\.network: is not set", "wifi", "no Wi-Fi is set", "siplet provision set wifi.network=NAME"),
    (r"config\.json is missing", "configuration", "the board has no configuration", "siplet provision"),
)  # fmt: skip
_NOTES = ("sound plain",)
_PASSING = ("wifi", "configuration")  # over, once the phone is ready
_KEY = re.compile(
    r"[a-z]\w*\.\w+(?:, [a-z]\w*\.\w+)*: (?:must |is (?:missing|given|taken)|cannot |wants |require|no such |pin \d)"
)
_READY = re.compile(r".* ready as sips?:")
_STARTS = 3
_ADVICE = {
    "401": "the password or the user is wrong: siplet provision set sip.password; some servers want sip.user",
    "403": "the server forbids it: the account, its password, or the network it comes from",
    "404": "the server does not know this user: check sip.address",
    "408": "the server does not answer: check sip.registrar, the network, a firewall",
}


def sayings(evidence):
    """What the board says of itself."""
    passing = []
    for time, text in evidence.lines:
        if _READY.match(text):
            passing = []  # it has found its way
        for pattern, kind, what, advice in _SAYINGS:
            if re.match(pattern, text):
                severity = "note" if text.startswith(_NOTES) else "failed"
                found = Finding(kind, what, advice, _at(evidence, time), severity)
                if kind in _PASSING:
                    passing.append(found)
                else:
                    yield found
        if _KEY.match(text):
            said = "".join(c for c in text[:150] if c.isprintable())
            advice = "siplet provision puts it right"
            passing.append(
                Finding("configuration", f"the configuration is refused: {said}", advice, _at(evidence, time))
            )
    yield from passing


def starts(evidence):
    """A board that starts again and again, and never gets ready."""
    count, since = 0, None
    for time, text in evidence.lines:
        if re.match(r"rst:0x", text):
            since = time if not count else since
            count += 1
        elif _READY.match(text):
            count = 0
        if count == _STARTS:
            yield Finding(
                "boot-loop",
                f"the board started {_STARTS} times and more without getting ready",
                "siplet monitor shows what comes before each start",
                _at(evidence, since),
            )


def registration(evidence):
    """A registration that failed, when there is no trace that tells more."""
    if any(m.method == "REGISTER" for m in evidence.messages):
        return
    failed = None
    for time, text in evidence.lines:
        match = re.match(r"registration (failed|registered) ?(\d{0,3})", text)
        if match:
            failed = (time, match[2]) if match[1] == "failed" else None
    if failed:
        time, status = failed
        yield Finding(
            "registration-failed",
            f"the board is not registered: {'status ' + status if status else 'no answer'}",
            _ADVICE.get(status, "the server does not answer, or refuses: log.sip=console on the board tells more"),
            _at(evidence, time),
        )


def _at(evidence, time):
    return evidence.start if time is None else time


RULES = (sayings, starts, registration)
