# The called side of reliable provisional responses: RFC 3262 sections 3 and 5. Loaded when a caller requires them, or
# supports them and we are configured to use them. Imports invite_server and what it imports.
#
#     INVITE -> 180, Require: 100rel, RSeq: n       repeated after T1, 2*T1, 4*T1 ... until its PRACK is here
#            <- PRACK, RAck: n and the INVITE's CSeq
#     an INVITE without an offer gets ours in the first of them, and its PRACK owes us the answer
#     progress() -> 183 with our answer; a PRACK of it may bring another offer, which the 200 to the PRACK answers
#     answer() while a description waits for its PRACK: the 2xx follows the PRACK (section 3)
#     no PRACK after 64*T1 -> 504
#
# One response at a time waits for its PRACK. A description that was said in one of them is not said again in the 2xx.

from micropython import const

from siplet.errors import RemoteError
from siplet.limits import T1, TIMEOUT
from siplet.sip import answering
from siplet.sip.header import integer
from siplet.sip.invite_server import Incoming
from siplet.ticks import ticks_add, ticks_diff

_REMIND = const(60000)  # ms; as invite_server does. RFC 3262 section 3 asks for it every two and a half minutes


def _has(request, name):
    return b"100rel" in [tag.lower() for tag in request.headers(name)]


def wanted(endpoint, request):
    """Whether an INVITE shall be rung for reliably: when it requires that, or endpoint.reliable asks for it and the
    caller supports it. RemoteError(421) when endpoint.reliable is b"required" and the caller does not.
    """
    mode = getattr(endpoint, "reliable", b"")
    if _has(request, b"require"):
        return True
    able = _has(request, b"supported")
    if mode == b"required" and not able:
        raise RemoteError(421, "Supported: 100rel is wanted")
    return able and bool(mode)


def inside(session, request, source, now):
    """A PRACK in the dialog of session: 200, or RemoteError(481) when it acknowledges nothing that waits for it."""
    rack = (request.header(b"rack") or b"").split()
    try:
        if len(rack) != 3:
            raise RemoteError(400, "two numbers and a method are wanted")
        number = integer(rack[0], 0xFFFFFFFF)
        cseq = integer(rack[1], 0x7FFFFFFF)
    except RemoteError as error:
        raise RemoteError(400, "RAck: " + error.text)
    if not isinstance(session, Reliable) or (number, cseq, rack[2]) != (session.pending, session.number, b"INVITE"):
        raise RemoteError(481, "RAck: nothing waits for it")
    session.on_prack(request, source, now)


class Reliable(Incoming):
    """A call that came, whose caller acknowledges what comes before the answer.

    pending: the RSeq of the response that waits for its PRACK, 0 when none does; number: the INVITE's CSeq.
    """

    pending = 0
    _status = 180  # of the last provisional response
    _described = False  # our description was said in one of them
    _owing = False  # in the one that waits for its PRACK
    _next = 0  # what is to follow that PRACK: 183, or 200 for the answer

    def start(self, request, source, now):
        """As Incoming's; RSeq begins anywhere below 2**31 (section 3)."""
        random = self.endpoint.random(2)
        self._rseq = random[0] << 8 | random[1]
        self.number = request.cseq
        super().start(request, source, now)

    def answer(self, now):
        """As Incoming's. What waits for its PRACK with a description comes first."""
        if self.state == "ringing" and self.pending and self._owing:
            self._next = 200
            return True
        return super().answer(now)

    def progress(self, now):
        """183 with our description, as soon as nothing waits for its PRACK. False when it rings no more."""
        if self.state != "ringing":
            return False
        if self._status != 183:
            if self.pending:
                self._next = self._next or 183
            else:
                self._say(183, now)
        return True

    def on_prack(self, request, source, now):
        """The PRACK of what waits for it. RemoteError when its description cannot be used: 415, 488, 491."""
        sdp = b""
        if self._owing and self._owed:
            self._take_answer(request, now)
        elif request.body:
            if not self._described or self.state != "ringing":
                raise RemoteError(491, "PRACK: an offer waits for its answer")
            sdp = answering.answer(self, request)  # what it refuses stays unacknowledged, and the call as it was
        self.pending = 0
        self._owing = False
        builder = self._reply_begin(request, source)
        if sdp:
            builder.body(b"application/sdp", sdp)
        self._reply_end(request, source, now)
        if sdp:
            self._tell_media()
        if self.state == "ringing":
            self.deadline = self._reminder(now, _REMIND)
            if self._next == 200:
                self.step("answer", now)
            elif self._next:
                self._next = 0
                self._say(183, now)

    def _take_answer(self, request, now):
        try:
            self.media.accept(request.body)
        except RemoteError as error:
            self.endpoint.last_error = error.text
            self.step("lost", now, 488, b"", "lost")
            raise
        self._owed = False
        self._tell_media()

    # -- actions of the table

    def _ring(self, now, status, reason, how, message):
        if ticks_diff(self._expiry, now) <= 0:
            self.step("expired", now, 480, b"", "timeout")
        elif not self.pending:
            self._say(self._status, now)
        elif ticks_diff(now, self._give_up) >= 0:
            self.step("expired", now, 504, b"No PRACK", "timeout")
        else:
            self.invite.respond(180, self.invite.data, now)
            self._interval *= 2
            self.deadline = self._reminder(now, min(self._interval, ticks_diff(self._give_up, now)))

    def _reminder(self, now, wait):
        return ticks_add(now, max(0, min(wait, ticks_diff(self._expiry, now))))

    def _say(self, status, now):
        self._rseq += 1
        self._status = status
        self.pending = self._rseq
        builder = self._reply_begin(self.invite.request, self.invite.source, status)
        builder.header(b"Contact", self.endpoint.contact(self.user, self.invite.destination))
        builder.header(b"Require", b"100rel")
        builder.header(b"RSeq", self._rseq)
        if not self._described and (self._owed or status == 183):
            self._described = self._owing = True
            builder.body(b"application/sdp", self._sdp)
        self.invite.respond(status, builder.end(), now)
        if self._owing and not self._owed:
            self._tell_media()
        self._interval = T1
        self._give_up = ticks_add(now, TIMEOUT)
        self.deadline = self._reminder(now, T1)

    def _accept(self, now, status, reason, how, message):
        answering.accept(self, self.invite, b"" if self._described else self._sdp, now)
        if not self._owed:
            self._tell_media()
