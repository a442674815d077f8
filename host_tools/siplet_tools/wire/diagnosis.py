# What is usually wrong with SIP, found in Evidence and said in plain words. Imports the rules.

from siplet_tools.wire import rules_of_board, rules_of_calls, rules_of_credentials, rules_of_places, rules_of_sound

RULES = (
    *rules_of_credentials.RULES,
    *rules_of_calls.RULES,
    *rules_of_places.RULES,
    *rules_of_sound.RULES,
    *rules_of_board.RULES,
)


def diagnose(evidence):
    """[Finding, ...] of all rules, each kind and text once, in the order of their time."""
    found = {}
    for rule in RULES:
        for finding in rule(evidence):
            finding.at = round(max(0.0, finding.at - evidence.start), 3)
            found.setdefault((finding.kind, finding.text), finding)
    return sorted(found.values(), key=lambda finding: finding.at)


def summary(evidence):
    """What was looked at: {"messages", "calls", "registrations", "rtp", "lines", "seconds"}."""
    calls = {m.call_id for m in evidence.messages if m.method == "INVITE"}
    registered = {m.call_id for m in evidence.messages if m.method == "REGISTER" and m.status == 200}
    return {
        "messages": len(evidence.messages),
        "calls": len(calls),
        "registrations": len(registered),
        "rtp": sum(len(flow.times) for flow in evidence.flows.values()),
        "lines": len(evidence.lines),
        "seconds": round(evidence.end - evidence.start, 1) if evidence.end else 0.0,
    }
