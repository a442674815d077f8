# The phone: the asyncio shell round the pure endpoint, with the sockets, the clock and the lines.
# May import call, platform, net, offer and the pure core below them.
#
# Two tasks run as long as the phone is open: one takes SIP datagrams, one lets the endpoint's deadlines pass; each call
# that is up adds its stream. pump() follows every visit to the endpoint: it hands events to the calls. Nothing that
# comes over the network ends a task: what would be a bug of ours is printed and counted in `faults`.

from siplet import platform
from siplet.account import Account
from siplet.call import Call, text
from siplet.errors import CallRejected, LocalError, RemoteError
from siplet.limits import MESSAGE
from siplet.line import Line
from siplet.sip.header import uri_of
from siplet.sip.uri import Uri
from siplet.stream import buffers
from siplet.ticks import ticks_diff
from siplet.waiting import Waiting

_TICK = 20  # ms between looks at the deadlines; T1 is 500


class Phone(Waiting):
    """A SIP phone: `async with Phone("sip:door@pbx.local", password="...") as phone`.

    address: who we are, a sip: URI; with password, user, registrar ... the arguments of siplet.account.Account. audio:
    what calls hear and play. local_address, local_port: of SIP (port 0: any free one). rtp_ports: a range of even
    ports. max_calls: at once. trace(sent, data, address): sees every message. accept: whose requests are taken besides
    our servers': see siplet.guard; ("open",) takes everybody's. servers: of names, "address" or "address:port" each;
    None: those of the network. streams: TCP is taken, and opened for large requests, with these options of
    siplet.net.links (with `tls` none is taken); None: streams are opened where an account or a URI asks for one.
    compact, redirects, reliable, session_expires: see configure() in siplet.phone_more. sound: {key: value},
    as sound.* of siplet.config.
    Raises LocalError or RemoteError for an address that is none, OSError when the port is taken.
    """

    more = "phone_more"  # add_account(), send_message(), subscribe() ...
    endpoint = on_state = None
    sound = Line  # makes what a call needs; siplet.sound puts another one there
    registration = "off"  # of the first account
    registration_status = 0
    received = 0  # datagrams; endpoint.refused and endpoint.dropped are those of no use, endpoint.last_error tells why
    faults = 0  # exceptions that were ours; none is expected, ever
    keepalive_ms = 0  # between signs of life to our servers, 0: none; set before the phone is opened
    udp = _delivery = None
    _tasks = ()
    _closed = False

    def __init__(
        self,
        address,
        *,
        audio=None,
        local_address=None,
        local_port=5060,
        rtp_ports=None,
        max_calls=1,
        trace=None,
        codecs=("PCMA", "PCMU"),
        accept=(),
        servers=None,
        streams=None,
        **account,
    ):
        super().__init__()
        self.names = {}  # what few phones want otherwise
        for name in list(account):
            if name in "compact redirects reliable session_expires sound".split():
                self.names[name] = account.pop(name)
        self.accounts = [Account(address, **account)]
        self.accept = accept
        self.servers = servers
        self.streams = streams
        self.handlers = {}  # kind of an Event: callable(event), instead of the call's own way
        self.address = address
        self.audio = audio
        self.bind_address = local_address or "0.0.0.0"
        self.local_address = local_address
        self.local_port = local_port
        self.rtp_ports = rtp_ports
        self.codecs = [c.encode() for c in codecs]
        self._max_calls = max_calls
        self._trace = trace
        self._unreachable = []
        self._waiting = []
        # A call's buffers are made now, and kept from call to call: a heap that is torn has no such pieces any more.
        self.spare = [buffers()]

    # -- what an application calls

    async def __aenter__(self):
        from siplet.opening import open_phone

        await open_phone(self)
        return self

    async def __aexit__(self, kind, error, trace):
        await self.close()

    async def close(self, timeout_ms=2000):
        """Hang up, unregister, wait at most timeout_ms for the answers, and give the ports back."""
        self.spare.clear()  # room for what is loaded now
        from siplet.opening import close_phone

        await close_phone(self, timeout_ms)

    def call(self, target, timeout_ms=30_000, audio=None):
        """A Call to target (a sip: URI, or a number at our registrar); `async with` it, or await its connect()."""
        if ":" not in target:
            target = f"sip:{target}@" + self.address.split("@")[-1]
        call = Call(self, None, None, self.audio if audio is None else audio, target, "calling")
        call.timeout_ms = timeout_ms
        return call

    async def incoming(self, timeout_ms=None):
        """The next call that rings here, None when the time is over or the phone is closed."""
        call = await self.until(self._next_waiting, timeout_ms)
        return call if isinstance(call, Call) else None

    def __aiter__(self):
        return self

    async def __anext__(self):
        call = await self.incoming()
        if call is None:
            raise StopAsyncIteration
        return call

    async def wait_registered(self, timeout_ms=None):
        """Wait until the registrar has accepted us; False when the time is over first."""
        return await self.until(self._is_registered, timeout_ms)

    # -- what calls use

    def start_call(self, call):
        """Send the INVITE of an outgoing call; returns its session. CallRejected when it cannot even be sent."""
        line = None if self.endpoint.full else self._new_line(call)
        if line is None:
            raise CallRejected(486, "all lines are in use")
        try:
            account, target, hop = self.route(call.remote, call.account)
            me = b"<" + account.aor + b">"
            credentials = account.credentials if hop else None
            routes = (b"<" + hop + b">",) if b";lr" in hop else ()
            session = self.endpoint.invite(target, me, line, platform.now(), credentials, hop, routes)
        except RemoteError as error:
            line.close()
            raise CallRejected(error.status, error.text)
        except (LocalError, MemoryError):
            line.close()
            raise CallRejected(414, "too long")
        session.call = call
        session.account = account
        call.line = line
        return session

    def pump(self):
        """Hand on what the endpoint has to tell; after every visit to it."""
        endpoint = self.endpoint
        while self._unreachable:
            endpoint.unreachable(self._unreachable.pop(0), platform.now())
        event = endpoint.next_event()
        while event:
            self._on_event(event)
            event = endpoint.next_event()

    def route(self, target, account=None):
        """(account, target as bytes, hop) for a request to target. hop: our server's URI for who belongs to its domain:
        only its challenges get our password's answer; b"" for anybody else, who is asked directly.
        """
        target = target.encode()
        uri = Uri(target)
        for one in [account] if account else self.accounts:
            if one.serves(uri):
                return one, target, one.hop
        account = account or self.accounts[0]
        return account, target, account.proxy

    def server_addresses(self):
        """The addresses (str) of our servers, as far as they are known now."""
        found = []
        for account in self.accounts:
            if account.register or account.proxy:
                destination = Uri(account.hop).destination()
                found.append(destination[0])
                found.extend(self.addresses(destination))
        return found

    def addresses(self, destination):
        """The addresses (str) that a destination's name stands for, as far as they are known."""
        return self._delivery.addresses(destination) if self._delivery else ()

    # -- inside

    def _is_registered(self):
        return self.registration in ("registered", "refreshing")

    def _next_waiting(self):
        return self._waiting.pop(0) if self._waiting else self._closed

    def _on_event(self, event):
        session = event.source
        if event.kind in self.handlers:
            self.handlers[event.kind](event)
            return
        if event.kind == "registration":
            account = session.account
            account.registration = event.data
            account.status = event.status
            if event.data == "failed":
                self.udp.forget()
            if account is self.accounts[0]:
                self.registration = event.data
                self.registration_status = event.status
                if self.on_state:
                    self.on_state(event.data, event.status)
            self.notify()
            return
        if event.kind == "incoming" and session.call is None:
            remote = session.dialog.remote
            session.call = Call(self, session, session.media, self.audio, text(uri_of(remote)), "incoming")
            session.call.request = event.data
            if len(self.accounts) > 1:
                self.assign(session)
            self._waiting.append(session.call)
            self.notify()
            return
        call = session.call
        if call is None:  # over already
            return
        call.on_event(event)
        if event.kind == "ended":
            if call in self._waiting:  # nobody took it
                self._waiting.remove(call)
            if call.stream is None:
                call.line.close()  # no stream ever ran that would give the port back
        if event.kind in ("ended", "over") and not session.alive:
            session.call = session.media = None  # its transactions may keep the session for another half a minute

    def _new_line(self, session):
        try:
            return self.sound(self, session)
        except OSError:
            return None

    def _send(self, data, destination):
        self._tell(True, data, destination)
        host = destination[0]
        if len(destination) > 2 or (host.strip("0123456789.") and ":" not in host):  # a stream, or a name to look up
            self._deliver().send(data, destination)
        elif not self.udp.send_to(data, destination):
            self.failed(destination)

    def _deliver(self):
        if not self._delivery:
            from siplet.delivery import Delivery

            self._delivery = Delivery(self)
            self.endpoint.another = self._delivery.another
        return self._delivery

    def failed(self, destination):
        """What was sent to destination could not be: its transactions end, but not before their sender is back."""
        if destination not in self._unreachable:
            self._unreachable.append(destination)

    def _tell(self, sent, data, address):
        if self._trace:
            try:
                self._trace(sent, data, address)
            except OSError as error:  # a full file system must not cost the call
                self._trace = None
                platform.print_exception(error)

    async def _listen(self):
        while True:
            await platform.readable(self.udp.socket)
            self._guard(self._read)

    async def _clock(self):
        while True:
            await platform.sleep_ms(_TICK)
            now = platform.now()
            due = self.endpoint.next_timer()
            if self._unreachable or (due is not None and ticks_diff(now, due) >= 0):
                self._guard(self.endpoint.handle_timers, now)

    def _read(self):
        data = self.udp.datagram(MESSAGE + 1)
        if data is not None:
            self._take(data, self.udp.source)

    def _take(self, data, source):
        self.received += 1
        self._tell(False, data, source)
        self.endpoint.receive(data, source, platform.now())

    def take(self, data, source):
        """A message came over a stream."""
        self._guard(self._take, data, source)

    def _guard(self, visit, *arguments):
        try:
            visit(*arguments)
            self.pump()
        except Exception as error:  # the loop must live: a phone that is silent helps nobody
            self.faults += 1
            platform.print_exception(error)
