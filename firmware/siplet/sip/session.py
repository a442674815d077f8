# Sessions: a call as both sides have it once it is up (RFC 3261 sections 12 to 15; INFO: RFC 6086).
# Imports what lies below it in sip/.
#
# invite_client.Outgoing and invite_server.Incoming are the two ways a session begins. This file holds the table of its
# states, and what happens inside the dialog: INFO, OPTIONS, BYE. Our answers to INVITEs are in answering.py, which is
# loaded when one comes. Offer/answer is decided by `media`, an object with offer(), answer(offer), accept(answer),
# rejected() and close(), which keeps what was `agreed` (RFC 3264).

from siplet.errors import LocalError, RemoteError
from siplet.limits import TIMEOUT
from siplet.sip.reply import capabilities, destination
from siplet.ticks import ticks_add

# The states of a call. Row: state, input, next state, action: a method of the session, or a function of answering.py.
#   withdrawn   we gave up before any answer came: CANCEL must wait for a provisional response (9.1)
#   cancelled   CANCEL is sent; a 2xx may cross it, and is then acknowledged and ended at once
#   answered    our 2xx is sent, its ACK is not here
#   leaving     the same, and we want to hang up: BYE must wait for the ACK (15)
# What is in no row is ignored, on purpose. A list, because a constant tuple of a .mpy holds each text as an object of
# its own, and not as the one that its name shares.
# fmt: off
_TABLE = [
    # outgoing
    "calling",    "1xx",      "proceeding", "_ring",
    "calling",    "2xx",      "up",         "_confirm",
    "calling",    "refused",  "over",       "_finish",
    "calling",    "hang up",  "withdrawn",  "",
    "proceeding", "1xx",      "proceeding", "_ring",
    "proceeding", "2xx",      "up",         "_confirm",
    "proceeding", "refused",  "over",       "_finish",
    "proceeding", "hang up",  "cancelled",  "_cancel",
    "withdrawn",  "1xx",      "cancelled",  "_cancel",
    "withdrawn",  "2xx",      "ending",     "_cross",
    "withdrawn",  "refused",  "over",       "_finish",
    "cancelled",  "2xx",      "ending",     "_cross",
    "cancelled",  "refused",  "over",       "_finish",
    "cancelled",  "deadline", "over",       "_finish",
    # incoming
    "ringing",    "answer",   "answered",   "_accept",
    "ringing",    "hang up",  "over",       "_refuse",
    "ringing",    "cancel",   "over",       "_refuse",
    "ringing",    "bye",      "over",       "_refuse",
    "ringing",    "expired",  "over",       "_refuse",
    "ringing",    "lost",     "over",       "_refuse",
    "ringing",    "deadline", "ringing",    "_ring",
    "answered",   "ack",      "up",         "settle",
    "answered",   "deadline", "answered",   "repeat",
    "answered",   "hang up",  "leaving",    "",
    "answered",   "lost",     "ending",     "_leave",
    "answered",   "bye",      "over",       "_finish",
    "leaving",    "ack",      "ending",     "_leave",
    "leaving",    "deadline", "leaving",    "repeat",
    "leaving",    "lost",     "ending",     "_leave",
    "leaving",    "bye",      "over",       "_finish",
    # both
    "up",         "ack",      "up",         "settle",
    "up",         "deadline", "up",         "repeat",
    "up",         "hang up",  "ending",     "_leave",
    "up",         "bye",      "over",       "_finish",
    "up",         "lost",     "ending",     "_leave",
    "ending",     "bye",      "over",       "_part",
    "ending",     "bye done", "over",       "_part",
    "ending",     "deadline", "over",       "_part",
]
# fmt: on


class Session:
    """A call. state: see the table; dialog: None until there is one; media: the offer/answer partner.

    The shell calls hang_up(now), send_info(type, body, now) and, on Incoming, answer(now) and reject(status, now).
    """

    dialog = deadline = None
    call = None  # what the shell keeps for it
    account = None  # the shell's account.Account of a call that we make: how places are reached
    invite = None  # the transaction of the INVITE that made us
    request = None  # the last INVITE that came, while its 2xx waits for the ACK
    unacknowledged = None  # the transaction of that INVITE, until its ACK
    timer = None  # the session_timer.Timer, when one was asked for
    _owed = False  # we made the offer: the answer comes with the ACK
    _asked = False  # our requests in the dialog are challenged, too: they carry our answer from then on
    _told = False  # the application knows that the call is up

    def __init__(self, endpoint, media, credentials=None, user=b""):
        self.endpoint = endpoint
        self.media = media
        self.credentials = credentials
        self.user = user  # of our Contact
        self._finished = False  # the application knows that it is over

    @property
    def alive(self):
        """Whether something is left to do; the endpoint forgets it otherwise."""
        return self.state != "over"

    @property
    def occupies(self):
        """Whether it takes a line: not when we have let it go, though its last messages may still be under way."""
        return self.state not in ("withdrawn", "cancelled", "leaving", "ending", "over")

    def hang_up(self, now):
        """End the call, whatever its state: CANCEL, BYE or a refusal (480 when it rings here)."""
        self.step("hang up", now, 480, b"", "local")

    def abandon(self, now):
        """End it without waiting for the far end's word any longer."""
        self.state = "over"
        self._finish(now, 408, b"", "timeout", None)

    def send_info(self, content_type, body, now):
        """Send an INFO with this body; an `info` event brings its final status. LocalError when the call is not up."""
        if self.state != "up":
            raise LocalError("the call is not up")
        self._send(b"INFO", now, content_type, body)

    def step(self, event, now, status=0, reason=b"", how="", message=None):
        """Look the event up in the table and do what it says. Returns whether there was such a row."""
        i = 0
        while i < len(_TABLE):
            if _TABLE[i] == self.state and _TABLE[i + 1] == event:
                break
            i += 4
        else:
            return False
        self.state = _TABLE[i + 2]
        if self.state != _TABLE[i] and self.state != "leaving":  # which repeats the 2xx as before
            self.deadline = None
        action = _TABLE[i + 3]
        if action and action[0] == "_":
            getattr(self, action)(now, status, reason, how, message)
        elif action:
            getattr(__import__("siplet.sip.answering", None, None, ("x",)), action)(self, now, message)
        return True

    # -- what the endpoint calls

    def is_merged(self, request):
        """Whether this INVITE has come before by another way (8.2.2.2)."""
        dialog = self.dialog
        return (
            dialog is not None
            and dialog.call_id == request.call_id
            and dialog.remote_tag == request.from_tag
            and dialog.remote_cseq == request.cseq
        )

    def on_request(self, request, source, now):
        """A request inside the dialog. Raises RemoteError for the endpoint to answer."""
        method = request.method
        if self._finished and method != b"BYE":  # our own BYE is on its way (15.1.1)
            raise RemoteError(481, "To: no such dialog")
        again = method == b"INFO" and request.cseq == self.dialog.remote_cseq
        if not again:
            self.dialog.check_order(request)
        if method == b"BYE":
            self._reply(request, source, now)
            self.step("bye", now, 487, b"", "remote")
        elif method == b"INFO":
            self._on_info(request, again)
            # Without a transaction: a repetition is known by its CSeq, and gets the same answer
            self._reply_begin(request, source)
            self.endpoint.send(self.endpoint.builder.end(), destination(request, source))
        elif method == b"OPTIONS":
            builder = self._reply_begin(request, source)
            capabilities(builder)
            # Without a transaction: a server asks every few seconds, and a repeated answer does no harm.
            self.endpoint.send(builder.end(), destination(request, source))
        elif method == b"INVITE":
            from siplet.sip.answering import reinvite

            reinvite(self, request, source, now)
        else:
            from siplet.sip.refusal import served_by

            served_by(method, "inside")(self, request, source, now)
        # Not of a refusal, which nobody remembers: the same request, come again, gets the same one (8.2.7).
        self.dialog.remote_cseq = request.cseq

    def on_ack(self, request, now):
        """The ACK of a 2xx of ours; that of a refusal which the INVITE got before, and forgot, has another tag."""
        if self.request and request.cseq == self.request.cseq and request.to_tag == self.dialog.local_tag:
            self.step("ack", now, 0, b"", "", request)

    def on_response(self, transaction, status, response, now):
        """The answer to a request inside the dialog; Outgoing adds the INVITE's."""
        if status < 200:
            return
        if status in (401, 407) and response and self._retry(transaction, response, now):
            return
        if transaction.method == b"BYE":
            tried = transaction.again[3]
            if status == 500 and 500 not in tried:  # another request of ours has overtaken it (12.2.2)
                tried.append(status)
                self._send(b"BYE", now, dialog=transaction.again[2], tried=tried)
                return
            self.step("bye done", now)
        elif transaction.method == b"INFO":
            self.endpoint.emit("info", self, status)
            if status in (408, 481):  # the far end has lost the dialog (12.2.1.2)
                self.step("lost", now, status, b"", "lost")

    def on_cancel(self, transaction, now):
        """CANCEL found this transaction of ours; only a ringing INVITE is touched by it (9.2)."""

    def on_time(self, now):
        self.step("deadline", now, 408, b"", "timeout")

    # -- requests in the dialog, both ways

    def _on_info(self, request, again):
        content_type = request.header(b"content-type")
        body = request.body
        if body or content_type:
            from siplet.sip.info import parse

            digit = parse(content_type or b"", body)
            if digit is None:
                raise RemoteError(415, "Content-Type: no key in this INFO")
            if not again:
                self.endpoint.emit("digit", self, 0, b"", digit)

    def _reply_begin(self, request, source, status=200):
        builder = self.endpoint.builder
        builder.reply(request, status, source, self.dialog.local_tag)
        if 100 < status < 300 and request.method == b"INVITE":
            builder.copy(request, b"record-route")
        return builder

    def _reply_end(self, request, source, now):
        transaction = self.endpoint.serve(self, request, source)
        if transaction:
            transaction.respond(200, self.endpoint.builder.end(), now)
        else:  # no room to remember it: answered all the same
            self.endpoint.send(self.endpoint.builder.end(), destination(request, source))

    def _reply(self, request, source, now):
        self._reply_begin(request, source)
        self._reply_end(request, source, now)

    def _send(self, method, now, content_type=b"", body=b"", dialog=None, tried=None):
        dialog = dialog or self.dialog
        uri, routes, hop = dialog.route()
        dialog.local_cseq += 1
        builder = self.endpoint.begin(method, uri, dialog, dialog.local_cseq, routes, None, hop)
        if self._asked:
            self.credentials.authorize(builder, method, uri, body)
        if body:
            builder.body(content_type, body)
        transaction = self.endpoint.request(self, method, now)
        transaction.again = (content_type, body, dialog, [] if tried is None else tried)
        return transaction

    def _retry(self, transaction, response, now):
        # A challenge inside the dialog: the same again with credentials, a new branch and a new CSeq (22.2).
        content_type, body, dialog, tried = transaction.again
        if not self.credentials or not self.credentials.challenged(response, tried):
            return False
        self._asked = True
        self._send(transaction.method, now, content_type, body, dialog, tried)
        return True

    # -- actions of the table

    def _leave(self, now, status, reason, how, message):
        self._finish(now, status, reason, how, message)
        self.deadline = ticks_add(now, 4 * TIMEOUT)  # should the BYE, or its answer to a challenge, not even be sent
        self._send(b"BYE", now)

    def _finish(self, now, status, reason, how, message):
        if not self._finished:
            self._finished = True
            if self.invite and self.invite.deadline is None:  # a CANCEL to which no final answer came (9.1)
                self.invite.alive = False
            self.endpoint.emit("ended", self, status, reason, how)

    def _part(self, now, status, reason, how, message):
        self.endpoint.emit("over", self)

    def _tell_media(self):
        if self.media.agreed is not None:
            self.endpoint.emit("media", self, 0, b"", self.media.agreed)
