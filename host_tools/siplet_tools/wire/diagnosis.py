# What is usually wrong with SIP, found in Evidence and said in plain words. Imports the rules.

from siplet_tools.wire import rules_of_calls, rules_of_sound

RULES = rules_of_calls.RULES + rules_of_sound.RULES


def diagnose(evidence):
    """[Finding, ...] of all rules, each kind and text once, in the order of their time."""
    found = {}
    for rule in RULES:
        for finding in rule(evidence):
            finding.at = round(max(0.0, finding.at - evidence.start), 3)
            found.setdefault((finding.kind, finding.text), finding)
    return sorted(found.values(), key=lambda finding: finding.at)


def summary(evidence):
    """What was looked at: {"messages", "calls", "registrations", "rtp", "seconds"}."""
    calls = {m.call_id for m in evidence.messages if m.method == "INVITE"}
    registered = [m for m in evidence.messages if m.method == "REGISTER" and m.status == 200]
    return {
        "messages": len(evidence.messages),
        "calls": len(calls),
        "registrations": len(registered),
        "rtp": sum(flow.packets for flow in evidence.flows.values()),
        "seconds": round(evidence.end - evidence.start, 1),
    }
