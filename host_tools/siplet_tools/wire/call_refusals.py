# Why a call did not come about, in plain words, and what to do. Pure: takes a Report, imports nothing.
# The statuses are those of RFC 3261 section 21.

_WORDS = {
    400: ("the far end could not read the call", "siplet monitor -m shows the messages; please report it"),
    401: ("a password is wanted", "--account sip:you@server, the password in SIPLET_PASSWORD or at the prompt"),
    402: ("payment is wanted", "this provider does not let the account call there"),
    403: (
        "it takes no calls from this computer",
        "siplet provision set sip.accept={address}, or call through its server: --account sip:you@server",
    ),
    404: ("nobody has that name there", "is the part before @ right? siplet provision show tells sip.address"),
    408: ("nobody answered in time", "somebody has to answer there; the application echo does by itself"),
    410: ("that name is no longer in use", "is the target right?"),
    415: ("it cannot read what it was sent", "siplet monitor -m shows the messages"),
    480: ("it cannot be reached now", "is the board registered at that server? siplet monitor shows 'registration'"),
    484: ("the number is not complete", "is the target right?"),
    486: ("it is busy", "a call is up there already: end it, or raise sip.max_calls"),
    487: ("the call was taken back", ""),
    488: (
        "there is no kind of sound that both can do",
        "this computer offers PCMA and PCMU without SRTP: does the board have sound.srtp_encryption = require?",
    ),
    500: ("the far end had an error of its own", "siplet monitor shows what its log says"),
    501: ("the far end does not know calls", "is it a phone at that address?"),
    502: ("a gateway on the way failed", "try again; then ask who runs the server"),
    503: (
        "there is no way there, or no room for one more call",
        "is the address right, and the board in this network?",
    ),
    603: ("somebody there refused it", ""),
    606: ("there is no kind of sound that both can do", "this computer offers PCMA and PCMU without SRTP"),
}
_WORDS[407] = _WORDS[401]
_WORDS[600] = _WORDS[486]
_WORDS[604] = _WORDS[404]


def explain(report):
    """(text, advice) for a Report of a call that was not answered."""
    host = report.local.rpartition(":")[0] or "ADDRESS"
    if report.direction == "in":
        if report.how == "interrupted":
            return "stopped before anybody called", ""
        if report.how == "nobody":
            return (
                f"nobody called {report.target}",
                f"let the board call it: siplet provision set doorphone.targets={report.target}; then press its bell",
            )
        return f"{report.remote} gave up before the call was up", ""
    if report.silent and report.status == 503:
        return (
            f"there is no way to {report.target}: its name is not known, or nobody takes connections there",
            "is the target right, and this computer in that network?",
        )
    if report.silent:
        return (
            f"nothing answers at {report.target}",
            "is the address right, the board on and in the same network, the port open? 'ready as' in siplet monitor "
            f"names it; a board that refused {host} several times keeps silent for a while: sip.accept",
        )
    if report.status == 408 and report.rang:
        return f"{report.target} rang, but nobody answered", _WORDS[408][1]
    if report.how == "interrupted":
        return "stopped before anybody answered", ""
    text, advice = _WORDS.get(report.status) or _class(report.status)
    return f"{report.target}: {report.status} {report.reason}: {text}", advice.format(address=host)


def _class(status):
    if status >= 600:
        return "refused, there and everywhere else", "is the target right?"
    if status >= 500:
        return "a server on the way failed", "try again; then ask who runs it"
    if status >= 400:
        return "refused", "siplet monitor -m shows the messages"
    return "sent on to somewhere that cannot be called", "is the target right?"
