# Transactions: RFC 3261 section 17 with the corrections of RFC 6026. Imports errors, message syntax, limits and ticks.
#
# Theory of operation. A transaction is one request and all its responses. It repeats what UDP may have lost, absorbs
# the repetitions of the far end, and gives its user (a usage: registration, session ...) each thing once. The four
# machines below are figures 5 to 8 of the RFC; RFC 6026 added the state `accepted`, in which a 2xx is passed through
# again and again to the one who must acknowledge it (client) or send it again (server) while requests are absorbed.
#
#     INVITE client       calling -> proceeding -> accepted (2xx) | completed (300-699)  -> terminated
#     other client        trying  -> proceeding -> completed                              -> terminated
#     INVITE server       proceeding -> accepted (2xx) | completed -> confirmed (ACK)     -> terminated
#     other server        trying  -> proceeding -> completed                              -> terminated
#
# A row is one int: state | input | actions | next state. What is in no row is ignored, on purpose. Every state has at
# most two clocks, so timers A, E and G are `retransmit` and B, D, F, H, I, J, K, L and M are `deadline`.
#
# A usage has two entry points: on_response(transaction, status, response, now), where response is None when the
# transaction made the status itself (408 timer B or F, 503 transport error; RFC 3261 8.1.3.1), and, for INVITE servers,
# on_ack(request, now). Timer H, a refusal that nobody acknowledged, ends quietly: the call is over all the same.

from micropython import const

from siplet.errors import LocalError, RemoteError
from siplet.limits import T1, T2, T4, TIMEOUT, TIMER_D
from siplet.sip.message import Message
from siplet.ticks import ticks_add, ticks_diff

# Inputs (bits 0-3)
_ON_RETRANSMIT = const(1)  # timers A, E, G
_ON_DEADLINE = const(2)  # timers B, D, F, H, I, J, K, L, M
_ON_1XX = const(3)  # client: received; server: the usage sends it
_ON_2XX = const(4)
_ON_3XX = const(5)  # any final status of 300 or more
_ON_REQUEST = const(6)  # the request came again
_ON_ACK = const(7)
_ON_ERROR = const(8)  # the transport could not send

# States (bits 4-6)
_CALLING = const(0x10)  # `trying` of the machines for other methods
_TRYING = const(0x10)
_PROCEEDING = const(0x20)
_COMPLETED = const(0x30)
_CONFIRMED = const(0x40)
_ACCEPTED = const(0x50)
_ENDED = const(0x70)

# Next states (bits 7-9); 0 stays
_TO_PROCEEDING = const(2 << 7)
_TO_COMPLETED = const(3 << 7)
_TO_CONFIRMED = const(4 << 7)
_TO_ACCEPTED = const(5 << 7)
_TO_END = const(7 << 7)

# Actions (bits 10 and up)
_SEND = const(1 << 10)  # the last message, again or for the first time
_BACK_OFF = const(1 << 11)  # the retransmission interval doubles
_PASS = const(1 << 12)  # to the usage; without a message it is a status of our own, 408 or 503
_ACK = const(1 << 13)  # acknowledge a final answer of 300 or more (17.1.1.3)
_QUIET = const(1 << 14)  # no more retransmissions
_WAIT_64 = const(1 << 15)  # deadline in 64 * T1: timers H, J, L, M
_WAIT_D = const(1 << 16)
_WAIT_T4 = const(1 << 17)  # timers I and K
_PATIENT = const(1 << 18)  # no deadline: an INVITE rings as long as it rings
_REPEAT = const(1 << 19)  # retransmissions begin: timer G
_SLOW = const(1 << 20)  # timer E at T2

_INVITE_CLIENT = (
    _CALLING | _ON_RETRANSMIT | _SEND | _BACK_OFF,  # timer A
    _CALLING | _ON_DEADLINE | _PASS | _TO_END,  # timer B
    _CALLING | _ON_ERROR | _PASS | _TO_END,
    _CALLING | _ON_1XX | _PASS | _QUIET | _PATIENT | _TO_PROCEEDING,
    _CALLING | _ON_2XX | _PASS | _QUIET | _WAIT_64 | _TO_ACCEPTED,
    _CALLING | _ON_3XX | _ACK | _PASS | _QUIET | _WAIT_D | _TO_COMPLETED,
    _PROCEEDING | _ON_1XX | _PASS,
    _PROCEEDING | _ON_DEADLINE | _PASS | _TO_END,  # set by the usage, where none of its own ends it
    _PROCEEDING | _ON_2XX | _PASS | _WAIT_64 | _TO_ACCEPTED,
    _PROCEEDING | _ON_3XX | _ACK | _PASS | _WAIT_D | _TO_COMPLETED,
    _COMPLETED | _ON_3XX | _SEND,  # the ACK
    _COMPLETED | _ON_DEADLINE | _TO_END,  # timer D
    _COMPLETED | _ON_ERROR | _TO_END,  # the usage has its answer already: nothing to tell
    _ACCEPTED | _ON_2XX | _PASS,
    _ACCEPTED | _ON_DEADLINE | _TO_END,  # timer M
)
_OTHER_CLIENT = (
    _TRYING | _ON_RETRANSMIT | _SEND | _BACK_OFF,  # timer E
    _TRYING | _ON_DEADLINE | _PASS | _TO_END,  # timer F
    _TRYING | _ON_ERROR | _PASS | _TO_END,
    _TRYING | _ON_1XX | _PASS | _SLOW | _TO_PROCEEDING,
    _TRYING | _ON_2XX | _PASS | _QUIET | _WAIT_T4 | _TO_COMPLETED,
    _TRYING | _ON_3XX | _PASS | _QUIET | _WAIT_T4 | _TO_COMPLETED,
    _PROCEEDING | _ON_RETRANSMIT | _SEND | _SLOW,  # timer E
    _PROCEEDING | _ON_DEADLINE | _PASS | _TO_END,  # timer F
    _PROCEEDING | _ON_ERROR | _PASS | _TO_END,
    _PROCEEDING | _ON_1XX | _PASS,
    _PROCEEDING | _ON_2XX | _PASS | _QUIET | _WAIT_T4 | _TO_COMPLETED,
    _PROCEEDING | _ON_3XX | _PASS | _QUIET | _WAIT_T4 | _TO_COMPLETED,
    _COMPLETED | _ON_DEADLINE | _TO_END,  # timer K
)
_INVITE_SERVER = (
    _PROCEEDING | _ON_REQUEST | _SEND,
    _PROCEEDING | _ON_1XX | _SEND,
    _PROCEEDING | _ON_2XX | _SEND | _WAIT_64 | _TO_ACCEPTED,
    _PROCEEDING | _ON_3XX | _SEND | _REPEAT | _WAIT_64 | _TO_COMPLETED,
    _COMPLETED | _ON_REQUEST | _SEND,
    _COMPLETED | _ON_RETRANSMIT | _SEND | _BACK_OFF,  # timer G
    _COMPLETED | _ON_ACK | _QUIET | _WAIT_T4 | _TO_CONFIRMED,
    _COMPLETED | _ON_DEADLINE | _TO_END,  # timer H
    _CONFIRMED | _ON_DEADLINE | _TO_END,  # timer I
    _ACCEPTED | _ON_2XX | _SEND,  # the usage repeats its 2xx (13.3.1.4)
    _ACCEPTED | _ON_ACK | _PASS,
    _ACCEPTED | _ON_DEADLINE | _TO_END,  # timer L
)
_OTHER_SERVER = (
    _TRYING | _ON_1XX | _SEND | _TO_PROCEEDING,
    _TRYING | _ON_2XX | _SEND | _WAIT_64 | _TO_COMPLETED,
    _TRYING | _ON_3XX | _SEND | _WAIT_64 | _TO_COMPLETED,
    _PROCEEDING | _ON_REQUEST | _SEND,
    _PROCEEDING | _ON_1XX | _SEND,
    _PROCEEDING | _ON_2XX | _SEND | _WAIT_64 | _TO_COMPLETED,
    _PROCEEDING | _ON_3XX | _SEND | _WAIT_64 | _TO_COMPLETED,
    _COMPLETED | _ON_REQUEST | _SEND,
    _COMPLETED | _ON_DEADLINE | _TO_END,  # timer J
)

_STATE = const(0x70)
_KEY = const(0x7F)


def _input_of(status):
    return _ON_1XX if status < 200 else _ON_2XX if status < 300 else _ON_3XX


class Transaction:
    """One request and its responses. Made by the endpoint; a usage keeps it to answer (`respond`) or to cancel.

    user: the usage; method, branch (client only); data: the last message sent, repeated as it is; destination:
    (host, port); request: the Message that came (server only); source: where it came from; again: what the usage keeps.
    """

    # What most transactions never change stands here: an attribute of its own costs each of them.
    alive = True  # the endpoint forgets it otherwise
    branch = data = b""
    request = source = again = retransmit = deadline = None
    large = False  # it goes by TCP because of its size alone
    interval = T1

    def __init__(self, user, destination):
        self.user = user
        self.destination = destination

    def _table(self):
        if self.request is None:
            return _INVITE_CLIENT if self.method == b"INVITE" else _OTHER_CLIENT
        return _INVITE_SERVER if self.request.method == b"INVITE" else _OTHER_SERVER

    def settled(self):
        """Whether all is said; only repetitions are still absorbed. Of a call that goes on, the ACK is due."""
        if self.state < _COMPLETED:
            return self.deadline is None and not self.user.alive  # nobody is left who could say more
        if self.request is None:
            return self.method != b"INVITE"  # whose answers are acknowledged, each time they come
        return not self.user.alive or (
            self.user.unacknowledged is not self and (self.state != _COMPLETED or self.request.method != b"INVITE")
        )

    def serves(self, request, method):
        """Server: whether this is the transaction of a request, seen as `method` (17.2.3).

        Branch and sent-by decide; CANCEL and ACK share the INVITE's. An RFC 2543 client has no cookie in its branch:
        Call-ID, CSeq number, From tag and the whole Via decide then.
        """
        ours = self.request
        if ours is None or ours.method != method or ours.branch != request.branch:
            return False
        if ours.branch.startswith(b"z9hG4bK") and len(ours.branch) > 7:
            return ours.sent_by == request.sent_by
        return (
            ours.via == request.via
            and ours.call_id == request.call_id
            and ours.cseq == request.cseq
            and ours.from_tag == request.from_tag
        )

    def start_client(self, method, branch, data, now):
        """Send the request (bytes) for the first time; timers A and B, or E and F, begin."""
        self.method = method
        self.branch = branch
        self.data = data
        self.state = _CALLING
        self.retransmit = ticks_add(now, T1) if len(self.destination) == 2 else None
        self.deadline = ticks_add(now, TIMEOUT)
        self.user.endpoint.send(self.data, self.destination)

    def start_server(self, request):
        """Take a request that came; the usage answers with respond()."""
        self.request = request
        self.state = _PROCEEDING if request.method == b"INVITE" else _TRYING

    def respond(self, status, data, now):
        """Server: send a response. data: the whole message, bytes or a view of the builder; kept for repetition."""
        if self.alive and (status < 300 or self.state < _COMPLETED):
            try:
                self.data = bytes(data)
            except MemoryError:  # a request comes again
                self.alive = self.request.method == b"INVITE"
                raise
            self._step(_input_of(status), now, status, None)

    def on_response(self, response, now):
        """Client: a response whose branch and method are ours."""
        self._step(_input_of(response.status), now, response.status, response)

    def on_request(self, request, now):
        """Server: the request again, or the ACK of a final answer."""
        self._step(_ON_ACK if request.method == b"ACK" else _ON_REQUEST, now, 0, request)

    def on_error(self, now):
        """The transport could not send to our destination."""
        self._step(_ON_ERROR, now, 503, None)

    def on_time(self, now):
        """Fire what is due."""
        if self.deadline is not None and ticks_diff(now, self.deadline) >= 0:
            self.deadline = None
            self._step(_ON_DEADLINE, now, 408, None)
        elif self.retransmit is not None and ticks_diff(now, self.retransmit) >= 0:
            self._step(_ON_RETRANSMIT, now, 0, None)

    def _step(self, event, now, status, message):
        key = self.state | event
        table = self._table()
        for row in table:
            if row & _KEY == key:
                break
        else:
            return
        if row & _TO_END:
            self.state = (row & _TO_END) >> 3
            self.alive = self.state != _ENDED
        if row & _SEND and self.data:
            self.user.endpoint.send(self.data, self.destination)
        if row & _ACK:
            try:
                self._acknowledge(message)
            except (RemoteError, LocalError, MemoryError):  # longer than messages are: the answer counts all the same
                self.data = b""
        if row & _QUIET:
            self.retransmit = None
        elif row & _REPEAT:
            self.retransmit = ticks_add(now, T1)
        elif row & (_BACK_OFF | _SLOW):
            # Timer A doubles without end (timer B ends it); timers E and G stop growing at T2.
            self.interval = T2 if row & _SLOW else self.interval * 2
            if self.interval > T2 and table is not _INVITE_CLIENT:
                self.interval = T2
            self.retransmit = ticks_add(now, self.interval)
        if len(self.destination) > 2:  # a stream loses nothing: timers A, E and G are off; D, I, J and K are zero
            self.retransmit = None
            if row & (_WAIT_D | _WAIT_T4) or table is _OTHER_SERVER:
                row &= ~(_WAIT_64 | _WAIT_D | _WAIT_T4)
                if self.state >= _COMPLETED:
                    self.deadline = now
        if row & _PATIENT:
            self.deadline = None
        elif row & (_WAIT_64 | _WAIT_D | _WAIT_T4):
            self.deadline = ticks_add(now, TIMEOUT if row & _WAIT_64 else TIMER_D if row & _WAIT_D else T4)
            if self.request is None and not row & _ACK:
                self.data = b""  # answered: a client has nothing to say again
        if row & _PASS:
            if event == _ON_ACK:
                self.user.on_ack(message, now)
            else:
                self.user.on_response(self, status, message, now)

    def _acknowledge(self, response):
        # 17.1.1.3: the ACK repeats the INVITE's Request-URI, top Via, From, Call-ID and Route; To is the response's.
        request = Message(self.data)
        builder = self.user.endpoint.builder
        builder.request(b"ACK", request.uri)
        for name in (b"via", b"max-forwards", b"from"):
            builder.copy(request, name)
        builder.copy(response, b"to")
        builder.copy(request, b"call-id")
        builder.header(b"CSeq", request.cseq, b" ACK")
        builder.copy(request, b"route")
        self.data = bytes(builder.end())  # from now on it is this that is said again
        self.user.endpoint.send(self.data, self.destination)
