# What a rule of the doctor found, and what rules share. Imports the standard library alone.
#
# A rule is a function of evidence.Evidence that yields Findings. It speaks of what it has seen alone: where nothing was
# seen, nothing is said.

import re
from dataclasses import asdict, dataclass


@dataclass
class Finding:
    """kind: a short name for scripts; text: what is wrong; advice: what to do; at: s since the beginning; severity:
    failed or note."""

    kind: str
    text: str
    advice: str
    at: float = 0.0
    severity: str = "failed"

    as_dict = asdict


def parameter(text, name):
    match = re.search(rf'(?i)\b{name}\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;]+))', text)
    return (match[1] if match[1] is not None else match[2]) if match else ""


def transactions(evidence):
    # {(Call-ID, CSeq, method): [messages]} in time
    found = {}
    for message in evidence.messages:
        found.setdefault((message.call_id, message.cseq, message.method), []).append(message)
    return found


def user(message):
    match = re.search(r"sips?:([^@;>\s]+@[^;>\s:]+)", message.get("to" if message.method == "REGISTER" else "from"))
    return match[1] if match else "?"
