# Changing a call that is up: our re-INVITE or UPDATE, and what becomes of it. RFC 3261 sections 14.1 and 12.2.1.2, RFC
# 3311. Loaded with the first of them. Imports what session imports, and invite_client.
#
#     change(session, now, "sendonly")    hold: event `changed` with the final status
#     change(session, now)                the same again: a refresh, by UPDATE where the far end takes it
#
# Two that cross are both answered 491, and each waits for a time of its own; whoever was overtaken by another request
# of ours gets a 500 with Retry-After and waits as long as that says. A refusal leaves the call as it was; 408 and 481
# say that the far end has lost it.

from micropython import const

from siplet.errors import LocalError, RemoteError
from siplet.limits import TIMEOUT
from siplet.sip.header import integer
from siplet.sip.invite_client import Outgoing
from siplet.sip.reply import capabilities
from siplet.ticks import ticks_add

_TRIES = const(6)  # requests for one change, challenges and crossings included
_LOOK = const(50)  # ms between looks whether the far end's own INVITE is settled
_LATER = const(30)  # s of Retry-After that are worth waiting
_PATIENCE = const(180_000)  # ms without a word, when there was one; it should come each minute (13.3.1.1)

# Row: state, input, next state, action (a method). What is in no row is ignored, on purpose.
#   waiting     the ACK of an INVITE of theirs must come first (14.1)
#   resting     ours met another one: the same again when the time has come
#   withdrawn   the application does not want it any more: CANCEL must wait for a provisional response (9.1)
# fmt: off
_TABLE = [
    "waiting",    "free",     "asked",      "_send",
    "waiting",    "blocked",  "waiting",    "_look",
    "waiting",    "cancel",   "done",       "_undo",
    "asked",      "1xx",      "proceeding", "",
    "asked",      "2xx",      "done",       "_take",
    "asked",      "again",    "asked",      "_send",
    "asked",      "later",    "resting",    "_rest",
    "asked",      "refused",  "done",       "_undo",
    "asked",      "lost",     "done",       "_lose",
    "asked",      "cancel",   "withdrawn",  "",
    "asked",      "deadline", "done",       "_undo",
    "proceeding", "2xx",      "done",       "_take",
    "proceeding", "again",    "asked",      "_send",
    "proceeding", "later",    "resting",    "_rest",
    "proceeding", "refused",  "done",       "_undo",
    "proceeding", "lost",     "done",       "_lose",
    "proceeding", "cancel",   "cancelled",  "_cancel",
    "withdrawn",  "1xx",      "cancelled",  "_cancel",
    "withdrawn",  "2xx",      "done",       "_take",
    "withdrawn",  "again",    "done",       "_undo",
    "withdrawn",  "later",    "done",       "_undo",
    "withdrawn",  "refused",  "done",       "_undo",
    "withdrawn",  "lost",     "done",       "_lose",
    "withdrawn",  "deadline", "done",       "_undo",
    "cancelled",  "2xx",      "done",       "_take",
    "cancelled",  "again",    "done",       "_undo",
    "cancelled",  "later",    "done",       "_undo",
    "cancelled",  "refused",  "done",       "_undo",
    "cancelled",  "lost",     "done",       "_lose",
    "cancelled",  "deadline", "done",       "_lose",
    "resting",    "free",     "asked",      "_send",
    "resting",    "blocked",  "waiting",    "_look",
    "resting",    "cancel",   "done",       "_undo",
]
# fmt: on


def change(session, now, direction=None, update=False):
    """Ask the far end for a change of the call; returns the Change.

    direction: what we want of the sound, "sendonly" to hold, "sendrecv" to resume; None: as it is. update: by UPDATE
    instead of a re-INVITE, without an offer when nothing is to change. LocalError when the call is not up, or another
    change is under way.
    """
    if session.state != "up" or session._finished or session.media.agreed is None or changing(session):
        raise LocalError("the call is not up, or is being changed")
    return Change(session, now, direction, update)


def changing(session):
    """The Change that is under way, None without one."""
    for usage in session.endpoint.usages:
        if isinstance(usage, Change) and usage.session is session and usage.alive:
            return usage
    return None


class Change:
    """One change. status: 0 while it is under way, then the final one; reason: its phrase."""

    dialog = deadline = transaction = unacknowledged = None
    status = 0
    reason = b""

    def __init__(self, session, now, direction, update):
        self.session = session
        self.endpoint = session.endpoint
        self.direction = direction
        self.method = b"UPDATE" if update else b"INVITE"
        self.state = "waiting"
        self._tried = []
        self._left = _TRIES
        self.endpoint.usages.append(self)
        self.on_time(now)

    @property
    def alive(self):
        """Whether something is left to do; with the call, or when another one takes its place, it ends at once."""
        session = self.session
        return self.state != "done" and not session._finished and session.media.agreed is not None

    @property
    def offering(self):
        """Whether nobody else may begin: a re-INVITE, or an offer in an UPDATE, is on its way."""
        return self.state not in ("waiting", "resting", "done") and (self.method == b"INVITE" or self.direction)

    def cancel(self, now):
        """The application waits no longer. What the far end has agreed to nevertheless is in force."""
        if self.alive:
            self._step("cancel", now, 487)

    def on_time(self, now):
        """Time to ask, to ask again, or to give up."""
        if not self.alive:
            return
        event = "free"
        if self.state in ("asked", "withdrawn", "cancelled"):
            event = "deadline"
        elif self.session.unacknowledged and (self.method == b"INVITE" or self.direction):
            event = "blocked"
        self._step(event, now, 408)

    def on_response(self, transaction, status, response, now):
        """The answer to one of our requests; None when there was none."""
        if transaction is not self.transaction:
            return  # of the CANCEL
        if 200 <= status < 300:
            self.session.dialog.refresh(response)
            if self.method == b"INVITE":
                self._ack()  # again and again, as often as it comes (13.2.2.4)
        if self.alive:
            if status < 200 and self.method == b"INVITE":
                transaction.deadline = ticks_add(now, _PATIENCE)
            self._step(self._judge(status, response), now, status, response)

    # -- inside

    def _step(self, event, now, status=0, response=None):
        i = 0
        while i < len(_TABLE):
            if _TABLE[i] == self.state and _TABLE[i + 1] == event:
                break
            i += 4
        else:
            return
        self.state = _TABLE[i + 2]
        self.deadline = None
        if self.state == "done":
            self.status = status
            self.reason = response.reason if response else b""
        if _TABLE[i + 3]:
            getattr(self, _TABLE[i + 3])(now, response)
        if self.state == "done" and self.direction:
            self.endpoint.emit("changed", self.session, self.status, self.reason, self.direction)

    def _judge(self, status, response):
        # the input of the table that an answer is
        if status < 200:
            return "1xx"
        if status < 300:
            return "2xx"
        if status in (408, 481):
            return "lost"
        self._wait = None
        if response and self._left:
            credentials = self.session.credentials
            if status in (401, 407) and credentials and credentials.challenged(response, self._tried):
                self.session._asked = True
                return "again"
            if status == 422:
                from siplet.sip.session_timer import lengthen

                if lengthen(self.session, response):
                    return "again"
            if status in (405, 501) and self.method == b"UPDATE":
                self.method = b"INVITE"
                return "again"
            if status == 491:  # 14.1: who made the Call-ID lets the other one go first
                random = self.endpoint.random(2)
                ticks = random[0] << 8 | random[1]
                self._wait = 2100 + ticks % 191 * 10 if isinstance(self.session, Outgoing) else ticks % 201 * 10
                return "later"
            if status == 500:
                try:
                    self._wait = integer(response.header(b"retry-after") or b"", _LATER) * 1000
                    return "later"
                except RemoteError:  # none, or too long: it does not mean that two have met
                    pass
        return "refused"

    # -- actions of the table

    def _look(self, now, response):
        self.deadline = ticks_add(now, _LOOK)

    def _send(self, now, response):
        session = self.session
        media = session.media
        dialog = session.dialog
        self.deadline = ticks_add(now, 2 * TIMEOUT)  # should it not even be sent
        self._left -= 1
        sdp = b""
        if self.direction or self.method == b"INVITE":
            former = media.direction  # in force until the far end agrees
            media.direction = self.direction or former
            sdp = media.offer()
            media.direction = former
        dialog.local_cseq += 1
        self._cseq = dialog.local_cseq
        builder = self._request(self.method)
        builder.header(b"Contact", self.endpoint.contact(session.user, self.endpoint.destination))
        capabilities(builder)
        if session.timer:
            session.timer.ask(builder)
        if session._asked:
            session.credentials.authorize(builder, self.method, self._uri, sdp)
        if sdp:
            builder.body(b"application/sdp", sdp)
        self.transaction = self.endpoint.request(self, self.method, now)

    def _request(self, method, branch=None):
        # begins a request with the number of ours
        dialog = self.session.dialog
        self._uri, routes, hop = dialog.route()
        return self.endpoint.begin(method, self._uri, dialog, self._cseq, routes, branch, hop)

    def _ack(self):
        builder = self._request(b"ACK")
        session = self.session
        if session._asked:
            session.credentials.authorize(builder, b"ACK", self._uri)
        self.endpoint.send(builder.end(), self.endpoint.destination)

    def _rest(self, now, response):
        self.session.media.rejected()
        self.deadline = ticks_add(now, self._wait)

    def _take(self, now, response):
        session = self.session
        if session.timer or response.header(b"session-expires"):
            from siplet.sip.session_timer import agreed

            agreed(session, response, now)
        if self.direction or self.method == b"INVITE":
            try:
                session.media.accept(response.body)
            except RemoteError as error:  # nothing that we can follow
                self.endpoint.last_error = error.text
                self.status = 488
                self._undo(now, response)
                return
            session.media.direction = self.direction or session.media.direction
            session._tell_media()

    def _undo(self, now, response):
        self.session.media.rejected()

    def _lose(self, now, response):
        self.session.media.rejected()
        if self.transaction.deadline is None:  # a CANCEL to which no final answer came (9.1)
            self.transaction.alive = False
        self.session.step("lost", now, self.status, self.reason, "lost")

    def _cancel(self, now, response):
        if self.method == b"INVITE":
            self._request(b"CANCEL", self.transaction.branch)
            self.endpoint.request(self, b"CANCEL", now, self.transaction.large)
            self.transaction.deadline = None
            self.deadline = ticks_add(now, TIMEOUT)
