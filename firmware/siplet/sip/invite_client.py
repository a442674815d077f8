# Calling: the INVITE of a UAC (RFC 3261 sections 13.2 and 9.1). Imports session and what it imports.
#
#     INVITE -> 1xx ... -> 2xx: ACK, and the session is up
#                       -> 401/407: ACK (by the transaction), INVITE again with credentials, new branch, next CSeq
#                       -> 300-302, 488: ACK (by the transaction), redirect.py calls where the answer points to
#                       -> 300-699: ACK (by the transaction), the session is over
#     a reliable 1xx (RFC 3262) is acknowledged by prack.py
#     hang_up() before the 2xx: CANCEL as soon as a provisional response is here; a 2xx that crosses it: ACK and BYE
#     a second 2xx with another To tag (a fork): ACK and BYE for it (13.2.2.4)

from siplet.errors import LocalError, RemoteError
from siplet.limits import EARLY_DIALOGS, TIMEOUT
from siplet.sip.dialog import Dialog
from siplet.sip.reply import capabilities
from siplet.sip.session import Session
from siplet.sip.uri import Uri
from siplet.ticks import ticks_add


class Outgoing(Session):
    """A call that we make; see endpoint.invite."""

    _answered = False  # the far end's answer to our offer is here

    def __init__(self, endpoint, media, credentials, target, local, hop, route):
        Uri(target)  # RemoteError(400, 416) before anything is sent
        user = Uri(local[local.find(b"<") + 1 : local.find(b">")]).user if b"<" in local else b""
        super().__init__(endpoint, media, credentials, user)
        self.state = "calling"
        call_id = endpoint.token(12)
        self._outline = Dialog(call_id, local + b";tag=" + endpoint.token(), b"<" + target + b">", target)
        self._outline.hop = hop
        self._outline.routes = route
        self._outline.local_cseq = 1 + endpoint.random(1)[0]
        self._tried = []
        self._forks = []  # the dialogs that responses made; each that is confirmed is acknowledged when its 2xx comes

    def start(self, now):
        """Send the INVITE with our offer."""
        self._sdp = self.media.offer()
        if self.endpoint.session_expires:
            from siplet.sip.session_timer import want

            want(self)
        self._invite(now)

    def _invite(self, now):
        uri, routes, hop = self._outline.route()
        builder = self.endpoint.begin(b"INVITE", uri, self._outline, self._outline.local_cseq, routes, None, hop)
        builder.header(b"Contact", self.endpoint.contact(self.user, self.endpoint.destination))
        capabilities(builder)
        for name, value in self.extra:
            builder.header(name, value)
        if self.timer:
            self.timer.ask(builder)
        if self.credentials:
            self.credentials.authorize(builder, b"INVITE", uri, self._sdp)
        builder.body(b"application/sdp", self._sdp)
        transaction = self.endpoint.request(self, b"INVITE", now)
        transaction.again = self.invite and self.invite.again  # of redirect.py
        self.invite = transaction

    def on_response(self, transaction, status, response, now):
        """See the picture above; answers to BYE, INFO and CANCEL as in every session."""
        if transaction.method == b"CANCEL":
            return
        if transaction.method != b"INVITE":
            if transaction.again[2] is self.dialog:
                super().on_response(transaction, status, response, now)
            return
        if status < 200:
            if response.find(b"rseq"):
                from siplet.sip.prack import accept

                if not accept(self, self._fork, response, now):
                    status = 100  # it came before, or too early: all that it says is that somebody is there
            self.step("1xx", now, status, response.reason, "", response)
            # A provisional response with a To tag makes an early dialog, in which the far end may already send requests
            if status > 100 and response.to_tag:
                self._fork(response, EARLY_DIALOGS)
        elif status < 300:
            self._on_2xx(status, response, now)
        elif transaction is self.invite:
            self._on_refused(status, response, now)

    def _fork(self, response, most):
        # The dialog of a response to the INVITE (12.1.2), which an earlier one may have made; None when there are most
        for dialog in self._forks:
            if dialog.matches(response):
                if response.status > 199 and not dialog.confirmed:
                    dialog.refresh(response)
                    dialog.learn_routes(response)
                return dialog
        if len(self._forks) >= most:
            return None
        dialog = self._outline.fork(response)
        if self._outline.hop and not dialog.routes:
            from siplet.sip.nat import settle

            settle(dialog, self._outline.hop)
        self._forks.append(dialog)
        self.dialog = self.dialog or dialog
        return dialog

    def _on_2xx(self, status, response, now):
        first = self.dialog is None or not self.dialog.confirmed
        try:
            dialog = self._fork(response, 2 * EARLY_DIALOGS)
            if dialog is None:
                return
            if dialog.confirmed:
                self._ack(dialog)
                return
        except RemoteError as error:  # its route cannot be gone: neither can an ACK, nor a BYE
            if not first:
                raise
            self.endpoint.last_error = error.text
            self.dialog = self._outline  # that of nobody: whoever answers later is one too many
            self.dialog.confirmed = True
            self.step("refused", now, 488, b"", "lost")
            return
        dialog.confirmed = True
        if first:
            self.dialog = dialog
            self.step("2xx", now, status, response.reason, "local", response)
        else:
            self._ack(dialog)
            self._send(b"BYE", now, dialog=dialog)

    def _on_refused(self, status, response, now):
        again = False
        if self.state in ("calling", "proceeding"):
            if status in (401, 407) and response and self.credentials:
                again = self.credentials.challenged(response, self._tried)
            elif status == 422:
                from siplet.sip.session_timer import lengthen

                again = lengthen(self, response)
            elif status == 503 or (status == 408 and self.state == "calling"):  # RFC 3263 4.3
                again = self.endpoint.another and self.endpoint.another(self.invite.destination)
            if not again and (status < 400 or self.invite.again or status == 488):
                from siplet.sip.redirect import take

                again = take(self, self._outline, self._tried, status, response)
        if again:
            self.dialog = None
            self._forks = []
            self._answered = False
            self._outline.local_cseq += 1
            self.state = "calling"  # a CANCEL must wait for a provisional response to this one
            try:
                self._invite(now)
                return
            except (LocalError, MemoryError):  # too long with all that they ask for
                pass
        how = "cancelled" if self.state in ("withdrawn", "cancelled") else "rejected" if response else "lost"
        if status == 408:
            how = "timeout"
        reason = response.reason if response else b""
        if not self._answered:
            self.media.rejected()
        self.step("refused", now, status, reason, how)

    def _take_answer(self, response):
        # The answer to our offer may stand in a 18x (early media) and again, or differently, in the 2xx.
        body = response.body
        if self.dialog and self.dialog.answer is None:  # an UPDATE has changed since what stands in it
            return
        if body and (response.header(b"content-type") or b"").lower().startswith(b"application/sdp"):
            self.media.accept(body)
            self._answered = True
            self._tell_media()

    # -- actions of the table

    def _ring(self, now, status, reason, how, response):
        if status == 100:
            return
        try:
            self._take_answer(response)
        except RemoteError as error:  # early media that we cannot use: the 2xx may still bring something better
            self.endpoint.last_error = error.text
        self.endpoint.emit("ringing", self, status, reason)

    def _confirm(self, now, status, reason, how, response):
        self._ack(self.dialog)
        try:
            self._take_answer(response)
            if len(self._forks) > 1 and self.dialog.answer and not response.body:  # it need not be the last one heard
                self.media.accept(self.dialog.answer)
                self._tell_media()
            if not self._answered:
                raise RemoteError(488, "2xx without an answer to our offer")
        except RemoteError as error:
            self.endpoint.last_error = error.text
            self.step("lost", now, 488, b"Not Acceptable Here", "lost")
            return
        if response.find(b"session-expires"):
            from siplet.sip.session_timer import agreed

            agreed(self, response, now)
        self._told = True
        self.invite = self._sdp = None  # what would only be needed to call again
        self.endpoint.emit("answered", self, status, reason)

    def _cross(self, now, status, reason, how, response):
        self._ack(self.dialog)
        self._leave(now, status, reason, how, response)

    def _ack(self, dialog):
        # 13.2.2.4: the ACK of a 2xx is a request of its own in the dialog, with the INVITE's number.
        uri, routes, hop = dialog.route()
        builder = self.endpoint.begin(b"ACK", uri, dialog, self._outline.local_cseq, routes, None, hop)
        if self.credentials:
            self.credentials.authorize(builder, b"ACK", uri)
        self.endpoint.send(builder.end(), self.endpoint.destination)

    def _cancel(self, now, status, reason, how, response):
        # 9.1: everything as in the INVITE, so that it finds it at every hop.
        self.deadline = ticks_add(now, TIMEOUT)
        uri, routes, hop = self._outline.route()
        self.endpoint.begin(b"CANCEL", uri, self._outline, self._outline.local_cseq, routes, self.invite.branch, hop)
        self.endpoint.request(self, b"CANCEL", now, self.invite.large)
