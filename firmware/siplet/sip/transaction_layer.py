# The transaction layer: RFC 3261 sections 17, 8.1.1 and 8.2.6, between an endpoint's usages and the wire: what every
# request and every answer of ours begins with. Imports transaction, builder and reply; large and refusal when needed.

from siplet.errors import LocalError, RemoteError
from siplet.limits import LARGE, MESSAGE, TRANSACTIONS
from siplet.sip.builder import Builder
from siplet.sip.reply import capabilities, destination
from siplet.sip.transaction import Transaction
from siplet.sip.uri import Uri


class TransactionLayer:
    """send(data, destination): see endpoint.py; random(n) -> bytes; local: (host: str, port: int) written into Via and
    Contact; agent: of the User-Agent header.
    """

    def __init__(self, send, random, local, agent):
        self.send = send
        self.random = random
        host, port = local
        self.host_port = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()
        self.agent = agent
        # More than may come in: a request in a dialog holds our own headers beside what the dialog repeats.
        self.builder = Builder(MESSAGE + 1024)
        self.transactions = []
        self.large = False  # whether requests that are too large for a datagram can go by TCP
        self.dropped = 0  # datagrams that no answer was given to
        self.refused = 0  # requests answered with an error before they reached a usage
        self.last_error = ""
        # The To tag of all answers without a transaction: the same for the same request, as 8.2.7 asks.
        self._tag = self.token()

    def token(self, n=6):
        """2 * n random hexadecimal digits: a tag, a Call-ID, the tail of a branch."""
        return self.random(n).hex().encode()

    def begin(self, method, uri, dialog, cseq, routes=(), branch=None, hop=b""):
        """Start a request to the URI hop (b"": to uri) in the builder: request line to Route; the usage adds its own.

        Returns the builder; `destination` is where request() will send it.
        """
        self.destination = destination = Uri(hop or uri).destination()
        self._branch = branch or b"z9hG4bK" + self.token(8)
        builder = self.builder
        builder.request(method, uri)
        transport = destination[2] if len(destination) > 2 else b"UDP"
        builder.header(b"Via", b"SIP/2.0/", transport, b" ", self.host_port, b";rport;branch=", self._branch)
        builder.header(b"Max-Forwards", b"70")
        builder.header(b"From", dialog.local)
        builder.header(b"To", dialog.remote)
        builder.header(b"Call-ID", dialog.call_id)
        builder.header(b"CSeq", cseq, b" ", method)
        for route in routes:
            builder.header(b"Route", route)
        builder.header(b"User-Agent", self.agent)
        return builder

    def contact(self, user, destination):
        """Our Contact value, for who is reached at destination; a URI says ws for WSS, too (RFC 7118 5.2)."""
        value = b"<sip:" + (user + b"@" if user else b"") + self.host_port
        if len(destination) > 2:
            value += b";transport=" + destination[2].lower().replace(b"ss", b"s")
        return value + b">"

    def request(self, user, method, now, large=False):
        """Send what the builder holds in a new client transaction; returns the Transaction.

        large: it goes the way of large ones, as the INVITE did that it cancels.
        """
        data = bytes(self.builder.end())
        transaction = Transaction(user, self.destination)
        self.transactions.append(transaction)
        if self.large and (large or len(data) > LARGE):
            from siplet.sip.large import by_stream

            data = by_stream(transaction, data)
        transaction.start_client(method, self._branch, data, now)
        return transaction

    def serve(self, user, request, source):
        """A server transaction for a request that came, or None when there are too many: answer statelessly then."""
        if len(self.transactions) >= TRANSACTIONS and not self._make_room():
            return None
        transaction = Transaction(user, destination(request, source))
        if request.method == b"INVITE":
            transaction.source = source  # its answers are made later
        transaction.start_server(request)
        self.transactions.append(transaction)
        return transaction

    def refuse(self, request, source, error):
        """Answer a request statelessly with a RemoteError: its status, and the headers that this status asks for."""
        self.last_error = error.text
        try:
            self.answer(request, source, error.status, error.text)
            self.refused += 1
        except (RemoteError, LocalError):  # no Via to answer to, or too much to repeat in the answer
            self.dropped += 1

    def answer(self, request, source, status, text="", tag=None):
        """Answer a request without a transaction (8.2.7), with the headers that this status asks for."""
        builder = self.builder
        builder.reply(request, status, source, tag or self._tag)
        if status == 200 and request.method == b"OPTIONS":
            capabilities(builder)
        elif status > 200:
            from siplet.sip.refusal import explain

            explain(builder, request, status, text)
        self.send(builder.end(), destination(request, source))

    def unreachable(self, destination, now):
        """The transport could not send to destination: its transactions fail with 503 (8.1.3.1)."""
        for transaction in list(self.transactions):
            if transaction.destination == destination:
                if transaction.large:
                    from siplet.sip.large import by_datagram

                    by_datagram(transaction, now)
                else:
                    transaction.on_error(now)

    # -- inside

    def _make_room(self):
        # The oldest of those that only wait for repetitions (timers I, J and L) is forgotten: many short calls in a row
        # are served, and a repetition that comes all the same finds no dialog.
        for i, transaction in enumerate(self.transactions):
            if transaction.settled():
                self.transactions.pop(i)
                return True
        return False

    def _server(self, request, method):
        for transaction in self.transactions:
            if transaction.serves(request, method):
                return transaction
        return None
