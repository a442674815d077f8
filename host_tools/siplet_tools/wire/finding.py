# What a rule of the doctor found, and what rules share. Imports the standard library alone.
#
# A rule is a function of evidence.Evidence that yields Findings. It speaks of what it has seen alone: where nothing was
# seen, nothing is said. A wrong verdict on traffic that is well is worse than none.

import ipaddress
import re
from dataclasses import asdict, dataclass

_PRIVATE = [
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7",
                 "fe80::/10")
]  # fmt: skip


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
    """The value of name=value or name="value" in a header, at most 80 characters."""
    match = re.search(rf'(?i)(?:^|[\s,;]){name}\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;]+))', text)
    return (match[1] if match[1] is not None else match[2])[:80] if match else ""


def place(ends):
    """host:port of an (address, port)."""
    return f"[{ends[0]}]:{ends[1]}" if ":" in ends[0] else f"{ends[0]}:{ends[1]}"


def _address(text):
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_private(text):
    """Whether it is an address that only its own network knows."""
    ip = _address(text)
    return bool(ip) and any(ip in network for network in _PRIVATE if network.version == ip.version)


def is_public(text):
    """Whether it is an address of the Internet."""
    ip = _address(text)
    return bool(ip) and not (
        is_private(text) or ip.is_loopback or ip.is_multicast or ip.is_unspecified or text == "255.255.255.255"
    )


def is_multicast(text):
    ip = _address(text)
    return bool(ip) and (ip.is_multicast or text == "255.255.255.255")
