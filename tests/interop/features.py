# Which peer was seen to do what with siplet: the names of both, what a peer has not, what a run saw, and the table of
# it in README.md. Imports the standard library and pytest.
#
# A test says what it shows by @features.shows("hold", ...); conftest.py notes how it ended. SIPLET_TABLE=write writes
# the table after a run of all these tests; test_features_table.py compares it with what each run saw.

import os
import re

import pytest

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "README.md")
BEGIN = "<!-- what follows is written by the tests: SIPLET_TABLE=write make test T=interop/test_features -->"
END = "<!-- end of what the tests write -->"

PEERS = {
    "kamailio": "Kamailio 5.6",
    "sipp": "SIPp 3.6",
    "baresip_old": "baresip 1.0",
    "baresip_new": "baresip, current",
    "linphone": "Linphone 5.1",
    "pjsua": "PJSIP 2.15",
}
PHONES = ("baresip_old", "baresip_new", "linphone", "pjsua")

FEATURES = {
    "register": "registers us",
    "call-out": "we call, both are heard",
    "call-in": "we are called, both are heard",
    "info-out": "keys by INFO from us",
    "info-in": "keys by INFO to us",
    "hold": "we hold and resume",
    "held": "it holds and resumes us",
    "blind-by-us": "we transfer it (blind)",
    "blind-by-it": "it transfers us (blind)",
    "attended-by-us": "we transfer it to another call (attended)",
    "attended-by-it": "it transfers us to another call (attended)",
    "attended-to-it": "another one is transferred to it (attended)",
    "message-out": "MESSAGE from us",
    "message-in": "MESSAGE to us",
    "presence-seen": "we see its presence",
    "presence-shown": "it sees our presence",
    "publish": "takes our PUBLISH",
    "tcp": "calls over TCP, both ways",
    "tls": "calls over TLS, both ways",
}

_SERVER = "a server: no calls of its own"
_NO_REGISTRAR = "no registrar"
CANNOT = {
    ("sipp", "tls"): "Debian builds it without TLS",
    ("baresip_old", "info-in"): "it sends keys by RFC 4733 alone",
    ("baresip_old", "attended-by-us"): "it knows no Replaces, and calls without it",
    ("baresip_old", "attended-to-it"): "it knows no Replaces, and calls without it",
    ("baresip_old", "attended-by-it"): "no command for it",
    ("baresip_new", "message-out"): "the Python package has no MESSAGE",
    ("baresip_new", "message-in"): "the Python package has no MESSAGE",
    ("baresip_new", "presence-seen"): "the Python package has no presence",
    ("baresip_new", "presence-shown"): "the Python package has no presence",
}
CANNOT.update(
    ((peer, feature), _SERVER)
    for peer in ("kamailio",)
    for feature in FEATURES
    if feature not in ("register", "message-out", "message-in", "presence-seen", "publish", "tcp", "tls")
)
CANNOT.update(((peer, "register"), _NO_REGISTRAR) for peer in PHONES)
CANNOT.update(((peer, "publish"), "no presence server") for peer in PHONES)

YES, FAILED, NOT_RUN = "yes", "FAILED", "not run"

seen = {}  # (peer, feature): YES, FAILED or NOT_RUN


def shows(*names, peers=PHONES):
    """Marks a test that shows those features with each peer that can do the first of them; its parameter is `kind`."""
    for name in names:
        assert name in FEATURES

    def mark(function):
        able = [peer for peer in peers if (peer, names[0]) not in CANNOT]
        return pytest.mark.features(*names)(pytest.mark.parametrize("kind", able)(function))

    return mark


def note(item, report):
    """conftest.py tells how a test ended."""
    mark = item.get_closest_marker("features")
    if not mark or (report.when != "call" and report.passed):
        return
    result = YES if report.passed else FAILED if report.failed else NOT_RUN
    for name in mark.args:
        place = item.callspec.params["kind"], name
        # A feature is shown by all of its tests, or not at all.
        if place not in CANNOT and (seen.get(place, YES) == YES or result == FAILED):
            seen[place] = result


def table():
    """The table in Markdown, from what was seen."""
    reasons, rows = [], []
    for feature, text in FEATURES.items():
        row = [text]
        for peer in PEERS:
            reason = CANNOT.get((peer, feature))
            if reason:
                if reason not in reasons:
                    reasons.append(reason)
                row.append(f"none ({reasons.index(reason) + 1})")
            else:
                row.append(seen.get((peer, feature), NOT_RUN))
        rows.append(row)
    lines = ["| | " + " | ".join(PEERS.values()) + " |", "|---" * (len(PEERS) + 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", "None, because:", ""]
    lines += [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join(lines)


def committed():
    """What README.md says: {(peer, feature): cell}."""
    with open(README, encoding="utf-8") as file:
        text = file.read().split(BEGIN)[1].split(END)[0]
    cells = {}
    for line in text.splitlines():
        row = [cell.strip() for cell in re.findall(r"\|([^|]*)", line)][: len(PEERS) + 1]
        for feature, name in FEATURES.items():
            if row and row[0] == name:
                cells.update(((peer, feature), cell) for peer, cell in zip(PEERS, row[1:]))
    return cells


def write():
    """Put the table into README.md."""
    with open(README, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN)
    with open(README, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.split(END)[1]}")
