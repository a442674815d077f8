# The endpoint: a SIP element without socket and without clock (RFC 3261 sections 8, 17, 18). Imports the rest of sip/.
#
#     receive(data, source, now)      a datagram came in: bytes, (host, port)
#     unreachable(destination, now)   the transport could not send there
#     handle_timers(now)              a deadline passed
#     next_timer()                    the ticks of the next deadline, or None
#     send(data, destination)         given by the shell: a datagram to send at once; data is good during the call only
#     next_event()                    the oldest Event not yet fetched, or None
#
# A datagram's way: Message -> check -> a response finds its client transaction by branch; a request finds its server
# transaction, else its dialog's session, else the usage of its method. Requests outside dialogs that change nothing
# (OPTIONS, and every refusal) are answered without a transaction (8.2.7): strangers cannot make us remember anything.
#
# What every request and answer of ours has in common is in transaction_layer.py.
#
# Order of refusals, 8.2: framing 400/505, method 405/501, scheme 416, Require 420, then what the usage says.

from collections import namedtuple

from siplet.errors import LocalError, RemoteError
from siplet.limits import EVENTS, T4
from siplet.sip.header import same
from siplet.sip.invite_client import Outgoing
from siplet.sip.message import Message
from siplet.sip.register import Registration
from siplet.sip.transaction_layer import TransactionLayer
from siplet.ticks import ticks_add, ticks_diff

# Something that happened. kind, source (Registration or Session), and status/reason/data where the kind has them:
#
#     registration   a Registration changed its state; status of the answer that did it, 0 when none did
#     incoming       a Session rings here
#     ringing        the far end rings or sends early media; status 180..199
#     answered       the Session is up
#     media          what was agreed for audio changed; data: the agreement (hold, resume, another address)
#     digit          an INFO brought a key; data: the key, str
#     ended          the call is over; data says how, status and reason why (see Call)
#     over           the last answer to our BYE is here, or was waited for
#     info           the far end's status for an INFO of ours
#     changed        the far end's status for a change of the call that we wanted; data: the direction, see reinvite
Event = namedtuple("Event", ("kind", "source", "status", "reason", "data"))


class Endpoint(TransactionLayer):
    """One SIP user agent on one local address.

    send: see above; random, local: see TransactionLayer; media(session): makes the offer/answer partner of a new
    incoming session (see session.py), None when we are full.
    """

    extra = ()  # headers of every INVITE of ours, (name, value) each

    def __init__(self, send, random, local, media=None, max_calls=1, agent=b"siplet"):
        super().__init__(send, random, local, agent)
        self.media = media
        self.max_calls = max_calls
        self.sessions = []
        self.registrations = []
        self.usages = []  # of dialogs that are no calls, and of none: subscriptions, publications ...
        self.events = []
        self.lost_events = 0
        self.credentials = None  # of calls that come in, for requests that we send in them
        self.user = b""  # of the Contact in calls that come in
        self.session_expires = 0  # s, the session timer to ask for (RFC 4028)
        self.another = None  # callable(destination): whether it has another server to try, the former one failed
        self.admit = None  # callable(request, source, now): RemoteError for who may not ask, status 0 to stay silent

    # -- what the shell calls

    def register(self, registrar, aor, expires=None, credentials=None, user=b""):
        """A Registration of aor (bytes sip: URI) at registrar (sip: URI without user); call its start(now)."""
        registration = Registration(self, registrar, aor, expires, credentials, user)
        self.registrations.append(registration)
        return registration

    def invite(self, target, local, media, now, credentials=None, hop=b"", route=(), extra=()):
        """Call target (bytes URI) as local (From value without tag); returns the Session, whose events follow.

        media: the offer/answer partner. hop: the URI of the server to send it to, when that is not target's own place.
        route: pre-loaded Route values. extra: more headers, (name, value) each. Raises LocalError or
        RemoteError(400, 416) when target is no usable URI.
        """
        session = Outgoing(self, media, credentials, target, local, hop, route)
        session.extra = self.extra + tuple(extra)
        session.start(now)
        self.sessions.append(session)
        return session

    def receive(self, data, source, now):
        """Take one datagram. Never raises for what it holds; what cannot be answered is counted in `dropped`."""
        try:
            message = Message(data)
        except RemoteError as error:
            self._drop(error)
            return
        try:
            message.check()
            if message.status:
                self._on_response(message, now)
            else:
                self._on_request(message, source, now)
        except RemoteError as error:
            if message.status or message.method == b"ACK" or not error.status:
                self._drop(error)
            else:
                self.refuse(message, source, error)
        except (LocalError, MemoryError):  # what it made us repeat is too long for an answer, or what serves it to load
            self.dropped += 1

    def unreachable(self, destination, now):
        """The transport could not send to destination: see TransactionLayer."""
        super().unreachable(destination, now)
        self._sweep()

    def handle_timers(self, now):
        """Fire every deadline that has passed."""
        for transaction in list(self.transactions):
            self._guard(transaction, now)
        for user in self.sessions + self.registrations + self.usages:
            if user.deadline is not None and ticks_diff(now, user.deadline) >= 0:
                user.deadline = None
                self._guard(user, now)
        self._sweep()

    def next_timer(self):
        """The ticks of the earliest deadline, None when nothing waits. Asked all the time: it allocates nothing."""
        first = None
        for transaction in self.transactions:
            first = _earlier(first, transaction.deadline)
            first = _earlier(first, transaction.retransmit)
        for session in self.sessions:
            first = _earlier(first, session.deadline)
        for registration in self.registrations:
            first = _earlier(first, registration.deadline)
        for usage in self.usages:
            first = _earlier(first, usage.deadline)
        return first

    @property
    def full(self):
        """Whether every line is taken: no call more, out or in."""
        return sum(session.occupies for session in self.sessions) >= self.max_calls

    def next_event(self):
        """The oldest Event, or None."""
        return self.events.pop(0) if self.events else None

    # -- what usages call

    def emit(self, kind, source, status=0, reason=b"", data=None):
        """Queue an Event. Digits beyond the bound are lost and counted; changes of state never are."""
        if kind == "digit" and len(self.events) >= EVENTS:
            self.lost_events += 1
            return
        self.events.append(Event(kind, source, status, reason, data))

    # -- inside

    def _guard(self, user, now):
        try:
            user.on_time(now)
        except (LocalError, RemoteError, MemoryError):  # what it wants to say is too long, or the heap too full for it
            self.dropped += 1
            if user.deadline is None:
                user.deadline = ticks_add(now, T4)

    def _drop(self, error):
        self.dropped += 1
        self.last_error = error.text

    def _sweep(self):
        _forget(self.transactions)
        _forget(self.sessions)
        _forget(self.registrations)
        _forget(self.usages)

    def _on_response(self, response, now):
        for transaction in self.transactions:
            if (
                transaction.request is None
                and transaction.branch == response.branch
                and transaction.method == response.cseq_method
            ):
                transaction.on_response(response, now)
                self._sweep()
                return
        raise RemoteError(0, "no transaction for this response")

    def _on_request(self, request, source, now):
        method = request.method
        transaction = self._server(request, b"INVITE" if method == b"ACK" else method)
        if transaction:
            transaction.on_request(request, now)
        elif method == b"CANCEL":
            self._cancel(request, source, now)
        elif request.to_tag:
            self._in_dialog(request, source, now)
        elif method == b"ACK":
            raise RemoteError(0, "ACK outside a dialog")
        else:
            self._out_of_dialog(request, source, now)
        self._sweep()

    def _cancel(self, request, source, now):
        # 9.2: 200 to the CANCEL whatever becomes of the INVITE; 481 when there is none.
        transaction = self._server(request, b"INVITE")
        if not transaction:
            raise RemoteError(481, "CANCEL: no such INVITE")
        self.answer(request, source, 200, "", transaction.user.dialog.local_tag)
        transaction.user.on_cancel(transaction, now)

    def _in_dialog(self, request, source, now):
        for session in self.sessions:
            if session.dialog and session.dialog.matches(request):
                if request.method == b"ACK":
                    session.on_ack(request, now)
                else:
                    self._check_extensions(request)
                    session.on_request(request, source, now)
                return
        for usage in self.usages:
            if usage.alive and usage.dialog and usage.dialog.matches(request):
                self._check_extensions(request)
                usage.on_request(request, source, now)
                return
        raise RemoteError(481, "To: no such dialog")

    def _out_of_dialog(self, request, source, now):
        method = request.method
        if self.admit:
            self.admit(request, source, now)
        serve = None
        if method != b"INVITE" and method != b"OPTIONS":
            from siplet.sip.refusal import served_by

            serve = served_by(method, "outside")
        if not (same(request.uri, 0, b"sip:") or same(request.uri, 0, b"sips:")):
            raise RemoteError(416, "Request-URI: only sip and sips")
        self._check_extensions(request)
        if serve:
            serve(self, request, source, now)
            return
        if method == b"OPTIONS":
            self.answer(request, source, 200)
            return
        for session in self.sessions:
            if session.is_merged(request):
                raise RemoteError(482, "the same INVITE by another way")
        if request.header(b"replaces"):
            from siplet.sip.replaces import take

            take(self, request, source, now)
            return
        if self.full:
            raise RemoteError(486, "all lines busy")
        from siplet.sip.invite_server import start  # a phone that only calls does without

        start(self, request, source, now)

    def _check_extensions(self, request):
        if request.method != b"CANCEL" and request.header(b"require"):
            from siplet.sip.refusal import check

            check(self.builder, request)


def _forget(users):
    # Drop what is over; nothing is allocated when nothing is.
    i = len(users)
    while i:
        i -= 1
        if not users[i].alive:
            users.pop(i)


def _earlier(a, b):
    if a is None:
        return b
    return a if b is None or ticks_diff(a, b) <= 0 else b
