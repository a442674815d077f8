# Watching others: the subscriber of RFC 6665, section 4.1. Imports usage and what it imports, dialog, header syntax,
# register_failure (pauses and 423 are a registration's), limits and ticks.
#
#     off -> subscribing -> pending | active -> (refreshed in time, again and again)
#                 |              |
#                 +--> failed <--+   waits as long as the notifier, or a registration, would have it: subscribing
#     stop(): leaving, until the last NOTIFY is here; over
#
# The dialog is made by the first NOTIFY, which may come before the 2xx, and not by that (4.4.1). Until then `dialog`
# takes whoever answers our tag. An event package whose subscriptions may fork gets one Subscription a branch, each in
# a dialog of its own; only the first tells, and only the first subscribes again.
#
# `reader` knows the documents:  accept   value of Accept
#                                forks    whether branches beyond the first are taken
#                                read(key, kind, body) -> document, or None when a whole state must be asked for;
#                                         raises RemoteError(400, 415)
#                                forget(key) -> document, or None: that branch is over; key: the notifier's tag
#
# Events: `subscription` (status, reason, data: the state) and `notify` (data: the document).

from siplet.errors import RemoteError
from siplet.limits import EARLY_DIALOGS, RETRY_BASE, TIMEOUT
from siplet.sip.dialog import Dialog, contact
from siplet.sip.header import integer, param, same
from siplet.sip.register_failure import fail
from siplet.sip.usage import Usage, package, same_event
from siplet.ticks import ticks_add, ticks_diff

_DAY = 86400
_SLACK = 2000  # ms; a NOTIFY tells what is left of a subscription, rounded and late
# What a repetition does not mend: refused, or not known at all (21.4, 21.6; 489: RFC 6665 8.3.2)
_FINAL = (400, 403, 405, 406, 410, 414, 416, 420, 489, 501, 505, 603, 604)
# After these the dialog is gone (RFC 5057 5.1); after any other refusal of a refresh it lasts as long as was granted
_LOST = (404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604)


class _Open(Dialog):
    # Before it is known who will answer (4.4.1)
    def matches(self, message):
        return self.call_id == message.call_id and self.local_tag == message.to_tag


class Subscription(Usage):
    """Our subscription. state: see above; expires: s to ask for, 0: only once; granted: s."""

    state = "off"
    first = spares = None  # of the branches; of registrars
    failures = granted = 0
    lapse = None  # when what was granted ends
    reason = b""
    wanted = True
    told = False  # a NOTIFY came before the answer to our SUBSCRIBE
    forks_until = None  # another branch may answer until then
    _answer = None  # the dialog as the 2xx would have it

    def __init__(self, endpoint, target, local, event, expires, reader, credentials=None, hop=b""):
        super().__init__(endpoint, credentials, local)
        self.target = self.uri = target
        self.local = local
        self.event = event
        self.expires = expires
        self.reader = reader
        self.hop = hop

    def start(self, now):
        """Subscribe, and stay subscribed until stop(). RemoteError(400, 416) when target is no usable URI."""
        self._anew(now)
        self.begin()

    def stop(self, now):
        """Take it back; the state is `over` when the notifier has said its last word, or was waited for."""
        self.wanted = False
        for branch in self._branches():
            branch.stop(now)
        if self.state in ("off", "failed") or (self.first and self.state == "subscribing"):
            self._over(self.status)
        elif not self.transaction:
            self._leave(now)

    def on_time(self, now):
        """No NOTIFY came in time (timer N), or it is time to refresh, or to try again."""
        if self.state == "subscribing":
            self._fail(408, None, now)
        elif self.state == "leaving":
            self._over(self.status)
        elif self.lapse is None or ticks_diff(now, self.lapse) >= 0:
            self._restart(now)
        else:
            self.deadline = self.lapse
            if not self.transaction:
                self.send(now)

    def answered(self, status, response, now):
        """The notifier's word on our SUBSCRIBE."""
        if status < 300:
            if self.state != "subscribing" and not self.told:
                self.failures = 0  # it has lasted until its refresh
            if not self.dialog.confirmed:
                self._learn(response)
            self._grant(_seconds(response.header(b"expires"), self.expires), now)
        elif not self.wanted:
            self._over(status)
        elif not self.told:  # else a NOTIFY has told us better
            if status in _LOST:
                self.lapse = None
            if status == 481 and self.state != "subscribing" and not self.failures:
                self.failures = 1
                self._restart(now)
            else:
                self._fail(status, response, now)
        if not self.wanted:
            self._leave(now)

    def on_request(self, request, source, now):
        """A NOTIFY. Raises RemoteError for the endpoint to answer."""
        if request.method != b"NOTIFY":
            raise RemoteError(405, "only NOTIFY in a subscription")
        if not same_event(request.header(b"event") or b"", self.event):
            raise RemoteError(481, "Event: not what was subscribed")
        value = request.header(b"subscription-state")
        if not value:
            raise RemoteError(400, "Subscription-State: missing")
        dialog = self.dialog
        is_new = not dialog.remote_tag
        if is_new:
            dialog = self._established(request)
        elif request.cseq == dialog.remote_cseq:
            self.endpoint.answer(request, source, 200)  # again: our answer was lost
            return
        else:
            dialog.check_order(request)
        try:
            expires = _seconds(param(value, b"expires"), 0)
        except RemoteError as error:
            raise RemoteError(400, "Subscription-State: " + error.text)
        document = None
        body = request.body if self.wanted else b""
        if body:
            if request.header(b"content-encoding") not in (None, b"identity"):
                raise RemoteError(415, "Content-Encoding: only identity")
            kind = package(request.header(b"content-type") or b"").lower()
            document = self.reader.read(dialog.remote_tag, kind, body)
        # Nothing has changed before this line: what cannot be read is refused as a whole
        self.endpoint.answer(request, source, 200)
        if is_new:
            self._fork()
            self.dialog = dialog
            self._answer = None
            self.told = self.transaction is not None
        dialog.remote_cseq = request.cseq
        dialog.refresh(request)
        if document is not None:
            self.endpoint.emit("notify", self.first or self, 0, b"", document)
        if same(value, 0, b"terminated") or not self.expires:
            self._terminated(value, now)
            return
        if is_new or (expires and expires * 1000 + _SLACK < ticks_diff(self.lapse, now)):
            self._grant(expires or self.granted or self.expires, now)
        if self.state != "leaving":
            self.to("pending" if same(value, 0, b"pending") else "active", 200)
            if not self.wanted:
                self._leave(now)
            elif body and document is None and self.lapse is not None:  # not at once: it may happen again and again
                self.deadline = ticks_add(now, RETRY_BASE)

    # -- inside, and for register_failure

    def to(self, state, status):
        self.status = status
        if state != self.state:
            self.state = state
            if not self.first:
                self.endpoint.emit("subscription", self, status, self.reason, state)
            self.reason = b""

    def send(self, now):
        expires = 0 if self.state == "leaving" else self.expires
        self.told = False
        if self.state in ("subscribing", "leaving"):
            self.deadline = self.forks_until = ticks_add(now, TIMEOUT)  # timer N
        self.ask(b"SUBSCRIBE", now, ((b"Event", self.event), (b"Expires", expires), (b"Accept", self.reader.accept)))

    def _anew(self, now):
        self.dialog = self.outline(self.target, self.local, self.hop, _Open)
        self.granted = 0
        self._answer = None
        self.to("subscribing", self.status)
        self.send(now)

    def _restart(self, now):
        # the dialog is gone
        self._forget()
        for branch in self._branches():
            branch.stop(now)
        if self.first or not self.wanted:
            self._over(self.status)
        else:
            self._anew(now)

    def _forget(self):
        document = self.reader.forget(self.dialog.remote_tag) if self.dialog else None
        if document is not None and self.wanted:
            self.endpoint.emit("notify", self.first or self, 0, b"", document)
        self.dialog = self.lapse = self.transaction = None

    def _established(self, request):
        outline, answer = self.dialog, self._answer
        dialog = Dialog(request.call_id, outline.local, request.header(b"from"), contact(request))
        dialog.learn_routes(request)
        dialog.local_cseq = outline.local_cseq
        dialog.confirmed = bool(dialog.target)
        if dialog.confirmed:
            return dialog
        # Linphone's NOTIFYs have no Contact: that of the 2xx has to do, which is here, or replaces the address asked
        if answer and answer.remote_tag == dialog.remote_tag:
            dialog.target, dialog.routes, dialog.confirmed = answer.target, answer.routes, True
        else:
            dialog.target, dialog.routes, dialog.hop = outline.target, outline.routes, outline.hop
        return dialog

    def _learn(self, response):
        try:
            answer = self.dialog.fork(response)
        except RemoteError as error:  # its route cannot be gone: the NOTIFY's may
            self.endpoint.last_error = error.text
            return
        dialog = self.dialog
        if not dialog.remote_tag:
            self._answer = answer
        elif answer.remote_tag == dialog.remote_tag:
            dialog.target, dialog.routes, dialog.hop, dialog.confirmed = answer.target, answer.routes, b"", True

    def _branches(self):
        return [usage for usage in self.endpoint.usages if getattr(usage, "first", None) is self]

    def _fork(self):
        # The first NOTIFY of a branch is here; one of another may follow as long as timer N runs (4.1.2.4, 4.4.1)
        first = self.first or self
        if self.reader.forks and self.wanted and len(first._branches()) < EARLY_DIALOGS - 1:
            branch = Subscription(
                self.endpoint, self.target, self.local, self.event, self.expires, self.reader, self.credentials
            )
            branch.first = first
            branch.state = "subscribing"
            branch.dialog = self.dialog
            branch.deadline = branch.forks_until = self.forks_until
            branch.begin()

    def _grant(self, seconds, now):
        # The subscription lasts so long; before the first NOTIFY it is timer N that runs
        if self.state == "leaving" or not self.expires:
            return
        self.granted = seconds
        if self.dialog.remote_tag:
            self.lapse = ticks_add(now, seconds * 1000)
            # As registrations: after 70 to 85 %
            wait = seconds * (700 + self.endpoint.random(1)[0] * 150 // 255)
            self.deadline = ticks_add(now, max(wait, RETRY_BASE))

    def _leave(self, now):
        if self.state not in ("leaving", "over") and self.dialog.remote_tag and not self.transaction:
            self.to("leaving", self.status)
            self.send(now)

    def _fail(self, status, response, now):
        self.reason = response.reason if response else b""
        if self.first or not self.wanted or status in _FINAL or not self.expires:
            self._over(status)
            return
        fail(self, status, response, now)
        if self.state == "failed" and self.lapse is None:
            self._forget()

    def _terminated(self, value, now):
        # 4.1.3: whether, and when, to subscribe again
        reason = (param(value, b"reason") or b"").lower()
        self._forget()
        self.reason = reason
        if self.first or not self.wanted or not self.expires or reason in (b"rejected", b"noresource", b"invariant"):
            self._over(403 if reason == b"rejected" else 404 if reason == b"noresource" else 200)
        elif reason in (b"deactivated", b"timeout") and not self.failures:
            self.failures = 1
            self._anew(now)
        else:
            fail(self, 480, None, now)
            after = _seconds(param(value, b"retry-after"), 0)
            if after:
                self.deadline = ticks_add(now, after * 1000)

    def _over(self, status):
        for branch in self._branches():  # their next NOTIFY finds nobody
            branch._over(status)
        self.part()
        self.to("over", status)


def _seconds(value, otherwise):
    # of a header or a parameter, bytes or None; of no more than a day
    try:
        return min(integer(value, 0xFFFFFFFF), _DAY) if value else otherwise
    except RemoteError:
        return otherwise
