# Errors that carry the blame: ours, the far end's, or the call's fate. Imports nothing.


class SipError(Exception):
    """The root of everything siplet raises."""


class LocalError(SipError):
    """siplet was misused: a bug or a bad argument on our side, never something that came over the network."""


class RemoteError(SipError):
    """The far end sent what cannot be used: answer with status, or drop it when status is 0.

    text names the header and what was wrong, for the counter, the log and the Warning header (RFC 3261 20.43).
    """

    def __init__(self, status, text=""):
        super().__init__(status, text)
        self.status = status
        self.text = text


class CallError(SipError):
    """A call did not come about, or broke. status: the SIP status that says why (RFC 3261 21); reason: its phrase.

    results: of a call to several, what became of each, see siplet.hunt.
    """

    def __init__(self, status, reason="", results=()):
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.results = results

    def __str__(self):
        return f"{self.status} {self.reason}"


class CallRejected(CallError):
    """The far end, or a server on the way, answered with a final status of 300 or more."""


class CallTimeout(CallError):
    """Nobody answered within the time given (408)."""


class CallCancelled(CallError):
    """The call was taken back before it was answered (487)."""


class CallLost(CallError):
    """An established call broke off: the far end did not acknowledge, or could not be reached."""
