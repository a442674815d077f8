# SIPp's scenarios from a few words each: script(step, step, ...) is the XML. No imports.
#
#     called:  take("INVITE"), reply(200, sdp()), take("ACK"), ask("INFO", ...), answered(200), take("BYE"), reply(200)
#     caller:  ask("INVITE", ...), early(), answered(200), ask("ACK"), ...
#
# In a call that came, ask() speaks from the other side of the dialog: its script has to begin with take().

_HEAD = """{method} {uri} SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport
Max-Forwards: 70
{names}
Call-ID: [call_id]
CSeq: {number} {method}
Contact: <sip:script@[local_ip]:[local_port];transport=[transport]>
"""
_OURS = "From: <sip:script@[local_ip]:[local_port]>;tag=[pid]s[call_number]\nTo:{}"
_THEIRS = "From:[$to];tag=[pid]s[call_number]\nTo:[$from]"
_KEEP = '<ereg regexp=".*" search_in="hdr" header="{}:" assign_to="{}"/>'
SPEAK = '<nop><action><exec rtp_stream="{},-1,8,PCMA/8000"/></action></nop>'


def script(*steps):
    """The XML of these steps."""
    text, state = "", {"number": 0, "called": None, "dialog": False}
    for step in steps:
        text += step(state) if callable(step) else step
    names = "from,to" if state["called"] else "to" if state["dialog"] else ""
    if names:
        text += f'<Reference variables="{names}"/>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="script">{text}</scenario>\n'


def sdp(direction="sendrecv", port="[media_port]"):
    """(content type, body) of an offer or answer of A-law."""
    body = "v=0\no=script 1 {version} IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\n"
    body += f"m=audio {port} RTP/AVP 8\na=rtpmap:8 PCMA/8000\na={direction}\n"
    return "application/sdp", body


def _send(head, content, retrans, state):
    state["version"] = state.get("version", 0) + 1
    kind, body = content or ("", "")
    body = body.replace("{version}", str(state["version"]))
    text = head + (f"Content-Type: {kind}\n" if kind else "") + f"Content-Length: [len]\n\n{body}"
    again = ' retrans="500"' if retrans else ""
    return f"<send{again}><![CDATA[{text}]]></send>\n"


def take(method, *checks):
    """Wait for a request. checks: (header, regular expression) that it has to show."""

    def step(state):
        first = state["called"] is None and not state["number"]
        state["called"] = state["called"] or first
        actions = ""
        if first:
            actions = _KEEP.format("From", "from") + _KEEP.format("To", "to")
        return f'<recv request="{method}" rrs="true" crlf="true">{_actions(actions, checks)}</recv>\n'

    return step


def _actions(actions, checks):
    names = []
    for number, (header, expression) in enumerate(checks):
        where = f'search_in="hdr" header="{header}:"' if header else 'search_in="msg"'
        names.append(f"check{number}")
        actions += f'<ereg regexp="{expression}" {where} check_it="true" assign_to="{names[-1]}"/>'
    if not actions:
        return ""
    said = "".join(f'<log message="{name} [${name}]"/>' for name in names)  # a variable has to be used
    return f"<action>{actions}{said}</action>"


def reply(status, content=None, more=""):
    """Answer the request that came last."""

    def step(state):
        tag = "" if state["dialog"] else ";tag=[pid]s[call_number]"
        state["dialog"] = state["dialog"] or 200 <= status < 300
        head = f"SIP/2.0 {status} Script\n[last_Via:]\n[last_From:]\n[last_To:]{tag}\n[last_Call-ID:]\n[last_CSeq:]\n"
        head += "[last_Record-Route:]\nContact: <sip:script@[local_ip]:[local_port];transport=[transport]>\n" + more
        return _send(head, content, False, state)

    return step


def ask(method, content=None, more="", number=0):
    """Send a request; in the dialog, once there is one."""

    def step(state):
        if method != "ACK":
            state["number"] += 1
        uri = "[next_url]"
        names = _THEIRS if state["called"] else _OURS.format("[$to]")
        if not state["called"] and not state["dialog"]:
            uri = "sip:[service]@[remote_ip]:[remote_port]"
            names = _OURS.format(f" <{uri}>")
        head = _HEAD.format(method=method, uri=uri, names=names, number=number or state["number"])
        return _send(head + more, content, method != "ACK", state)

    return step


def early(*statuses):
    """Provisional answers that may come."""
    return "".join(f'<recv response="{status}" optional="true"/>\n' for status in statuses or (100, 180))


def answered(status, *checks):
    """Wait for the final answer."""

    def step(state):
        actions = ""
        if 200 <= status < 300 and not state["called"] and not state["dialog"]:
            state["dialog"] = True
            actions = _KEEP.format("To", "to")
        return f'<recv response="{status}" rrs="true">{_actions(actions, checks)}</recv>\n'

    return step


def pause(ms):
    """Do nothing."""
    return f'<pause milliseconds="{ms}"/>\n'


def speak(path):
    """Send raw A-law over and over."""
    return SPEAK.format(path)
