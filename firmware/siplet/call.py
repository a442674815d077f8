# A call as an application holds it: every wait takes timeout_ms, every failure is an exception with the SIP status.
# May import waiting, platform, stream, errors and the pure core below them.
#
# The session (sip/) decides what happens to the call; this object turns its events into something to wait for, and runs
# the stream while there is something to hear. All text here is str.

import asyncio

from siplet import platform
from siplet.errors import CallCancelled, CallLost, CallRejected, CallTimeout, LocalError
from siplet.sip.builder import reason
from siplet.ticks import ticks_diff
from siplet.waiting import Waiting

_SAME_PRESS = 1000  # ms; phones that send a key by INFO and by RFC 4733 do so within this time
_DIGITS = 32  # keys not yet fetched; more than anybody types while an application looks away
_ERRORS = {"rejected": CallRejected, "timeout": CallTimeout, "cancelled": CallCancelled, "lost": CallLost}


class Call(Waiting):
    """One call, made by phone.call() or got from the phone.

    state: "calling", "ringing" (out: the far end rings), "incoming", "up", "ended". held: the far end has put us on
    hold; on_hold: we have put it. remote: the other side's URI. status, reason: why it ended or was refused. how:
    "local", "remote", "rejected", "cancelled", "timeout", "lost". infos: the statuses that answered our INFOs. stream:
    what carries the sound; stats: its counters; None before there was sound. phone; session: the SIP side, see
    siplet.sip.session.
    """

    more = "call_more"  # hold(), send_digits() ...
    held = on_hold = False
    status = 0
    reason = how = ""
    stream = stats = timeout_ms = None
    account = request = None  # of an outgoing call, when the application chose one; the INVITE of an incoming one
    _task = None
    _patience = None  # of digits()

    def __init__(self, phone, session, line, audio, remote, state):
        super().__init__()
        self.phone = phone
        self.session = session
        self.line = line
        self._keys = []
        self._presses = []  # (key, form, ticks) that the other form may still repeat
        self.infos = []
        self.audio = audio
        self.remote = remote
        self.state = state

    # -- what an application calls

    async def __aenter__(self):
        if self.session is None:
            await self.connect(self.timeout_ms)
        return self

    async def __aexit__(self, kind, error, trace):
        await self.hangup()

    async def connect(self, timeout_ms=30_000):
        """Call, and return when it is answered. Raises CallRejected, CallTimeout, CallCancelled or CallLost."""
        self.session = self.phone.start_call(self)
        await self._settle(timeout_ms, "No answer")

    async def answer(self, audio=None, timeout_ms=32_000):
        """Take an incoming call; returns when the caller has acknowledged it.

        Raises CallCancelled when the caller has given up, CallLost when no ACK came.
        """
        if audio is not None:
            self.audio = audio
        if not self.session.answer(platform.now()):
            if self.state == "up":
                raise LocalError("the call is answered already")
            raise CallCancelled(self.status or 487, self.reason)
        self.phone.pump()
        await self._settle(timeout_ms, "No ACK")

    async def reject(self, status=486):
        """Refuse an incoming call with a status of 300 to 699: 486 busy, 603 declined, 480 away."""
        if not 300 <= status <= 699:
            raise LocalError("a call is rejected with a status of 300 to 699")
        if self.session.reject(status, platform.now()):
            self.phone.pump()

    async def hangup(self, timeout_ms=2000):
        """End the call: CANCEL, BYE or a refusal, whatever fits; waits a moment for the far end's word."""
        self._stop()
        if self.session is not None:
            await self.until(self._is_gone, timeout_ms)
        if self._task:
            await platform.wait(self.line.silent, 200)

    def digits(self, timeout_ms=None):
        """The keys that the far end presses, one str each ("0".."9", "*", "#", "A".."D").

        Ends with the call, or when no key came for timeout_ms. Raises CallLost when the call broke.
        """
        self._patience = timeout_ms
        return self

    def __aiter__(self):
        return self

    async def __anext__(self):
        digit = await self.digit(self._patience)
        if digit is None:
            raise StopAsyncIteration
        return digit

    async def digit(self, timeout_ms=None):
        """The next key, None when the call ended or the time is over. Raises CallLost when the call broke."""
        await self.until(self._has_digit, timeout_ms)
        if self._keys:
            return self._keys.pop(0)
        if self.how == "lost":
            raise CallLost(self.status, self.reason)
        return None

    async def ended(self, timeout_ms=None):
        """Wait for the end of the call; False when the time is over first."""
        return await self.until(self._is_ended, timeout_ms)

    # -- what the phone calls

    def on_event(self, event):
        """Take one Event of our session."""
        kind = event.kind
        if kind == "ringing":
            if self.state == "calling":
                self.state = "ringing"
        elif kind == "answered":
            self.state = "up"
        elif kind == "media":
            self._on_media(event.data)
        elif kind == "digit":
            self.press(event.data, "info")
        elif kind == "info":
            self.infos.append(event.status)
        elif kind == "ended":
            self.status = event.status
            # Nobody asks why when one of the two hung up
            self.reason = text(event.reason or (event.data not in ("local", "remote") and reason(event.status)) or b"")
            self.how = event.data
            self._end()
        elif kind != "over":
            from siplet.call_more import on_event

            on_event(self, event)
        self.notify()

    # -- inside

    async def _settle(self, timeout_ms, reason):
        try:
            if not await self.until(self._is_settled, timeout_ms):
                raise CallTimeout(408, reason)
        except BaseException:  # time over, or our task was cancelled: nobody waits for this call any more
            self._stop()
            raise
        if self.state != "up":
            raise _ERRORS.get(self.how, CallCancelled)(self.status, self.reason)

    def _is_settled(self):
        return self.state in ("up", "ended")

    def _is_ended(self):
        return self.state == "ended"

    def _is_gone(self):
        return not self.session.alive

    def _has_digit(self):
        return self._keys or self.state == "ended"

    def _stop(self):
        if self.session is not None and self.state != "ended":
            self.session.hang_up(platform.now())
            self.phone.pump()
            self._silence()
            if self.state in ("calling", "ringing"):  # over for us, whatever the far end has still to say
                self.state, self.how, self.status = "ended", "cancelled", 487
                self.notify()

    def _end(self):
        self.state = "ended"
        self._silence()

    def _silence(self):
        if self.stream:
            self.stream.stop()

    def _on_media(self, agreed):
        self.held = self.line.held
        if self.stats is None:
            platform.collect()
            self.stream = self.line.stream(self)
            self.stats = self.stream.stats
            self.stream.on_digit = self._on_rtp_digit
            try:
                self.stream.configure(agreed)
                self._task = asyncio.create_task(self._run())
            except MemoryError:
                self.stream = None  # so the phone gives the port back at the call's end
                raise
        elif self.stream:
            self.stream.configure(agreed)

    async def _run(self):
        # Who keeps a call that is over keeps its counters, not its buffers: the next call needs that memory.
        try:
            await self.line.run()
        except Exception as error:  # the audio device failed: a call without sound is no call
            self.phone.faults += 1
            platform.print_exception(error)
            self._stop()
        finally:
            self.stream = None

    def _on_rtp_digit(self, digit):
        self.press(digit, "rtp")
        self.notify()

    def press(self, digit, kind):
        """A key that the far end pressed came by a kind: "info", "rtp" ..."""
        # The same key by the other form, shortly after, is the same press; by the same form it is another one.
        now = platform.now()
        presses = [press for press in self._presses if ticks_diff(now, press[2]) < _SAME_PRESS]
        self._presses = presses
        for press in presses:
            if press[0] == digit and press[1] != kind:
                presses.remove(press)
                return
        presses.append((digit, kind, now))
        if len(self._keys) < _DIGITS:
            self._keys.append(digit)


def text(value):
    """What the far end wrote, bytes, as str; without all that is not ASCII when it is not UTF-8."""
    try:
        return value.decode()
    except UnicodeError:
        return bytes([c for c in value if c < 128]).decode()
