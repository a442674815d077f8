# One call to several places: all at once, or one after the other. Loaded with the first phone.ring().
# May import platform, waiting, errors and ticks.
#
# All at once takes one of the phone's lines, like any call: only one of them will be up. So endpoint.max_calls grows by
# one for each further place that rings, and shrinks as they fall away. The first answer wins, and in the same breath
# everybody else is told: a CANCEL, or a BYE to whoever answered in that moment. Sound before the answer is heard only
# when a single place rings; several at once would play over each other.

from micropython import const

from siplet import platform
from siplet.errors import CallRejected, CallTimeout, LocalError
from siplet.ticks import ticks_add, ticks_diff
from siplet.waiting import Waiting

_MOST = const(8)  # places; each has a socket of its own while it rings, and a board has sixteen
_UNREACHABLE = (404, 408, 410, 480, 484, 500, 502, 503, 504)
# What becomes of a place, and what is told of many: the first of these that happened
OUTCOMES = ("refused", "busy", "silent", "unreachable")
_TOLD = OUTCOMES + ("cancelled",)  # by us, because of somebody else


def outcome(status):
    """One of OUTCOMES for a final status: nobody is there, or does not want to."""
    return "busy" if status in (486, 600) else "unreachable" if status in _UNREACHABLE else "refused"


async def ring(phone, targets, how="all", timeout_ms=None, each_ms=30_000, stop=(), audio=None, account=None):
    """Call targets (sip: URIs, or numbers at our registrar) "all" at once or each in its "turn"; the Call that is up.

    each_ms: how long each may ring, or a list of it; timeout_ms: all together. stop: outcomes of a place after which
    nobody else is rung: "busy" (486, 600), "refused" (any other final answer), "unreachable" (not there, or no answer
    at all), "silent" (each_ms are over). Otherwise they are tried to the end, unless by a 6xx one speaks for all.
    Raises CallTimeout or CallRejected with the worst that happened; its `results` holds (target, outcome, status) of
    each. LocalError when it cannot be meant so. Whoever cancels the task takes all calls back.
    """
    targets = list(targets)
    times = list(each_ms) if isinstance(each_ms, (list, tuple)) else [each_ms] * len(targets)
    if not 0 < len(targets) <= _MOST or len(times) != len(targets) or how not in ("all", "turn"):
        raise LocalError(f'ring 1 to {_MOST} targets, "all" or in "turn", with a time for each')
    for word in stop:
        if word not in OUTCOMES:
            raise LocalError(f"stop: {', '.join(OUTCOMES)}, not {word}")
    hunt = _Hunt(phone, how == "all" and len(targets) > 1, stop)
    legs = [_Leg(hunt, phone.call(target, audio=audio), target, ms, account) for target, ms in zip(targets, times)]
    try:
        return await hunt.run(legs, timeout_ms)
    except BaseException:
        hunt.hang_up(None)
        phone.pump()
        raise


class _Hunt(Waiting):
    more = "phone_more"
    first = None  # the Call that was answered first

    def __init__(self, phone, together, stop):
        super().__init__()
        self.phone = phone
        self.together = together
        self.stop = stop
        self.ringing = []  # the legs that ring
        self.results = []
        self.over = False  # nobody else is to be rung

    async def run(self, waiting, timeout_ms):
        """The Call that is up."""
        end = None if timeout_ms is None else ticks_add(platform.now(), timeout_ms)
        while not self.first:
            while waiting and not self.over and (self.together or not self.ringing):
                waiting.pop(0).start()
            if not self.ringing:
                raise self.error()
            count = len(self.results)
            left = min([ticks_diff(leg.end, platform.now()) for leg in self.ringing])
            if end is not None:
                left = min(left, ticks_diff(end, platform.now()))
            await self.until(lambda: self.first or len(self.results) > count, left)  # noqa: B023  used here only
            now = platform.now()
            late = end is not None and ticks_diff(end, now) <= 0
            self.over = self.over or late
            for leg in list(self.ringing):
                if not self.first and (late or ticks_diff(leg.end, now) <= 0):
                    await leg.give_up("silent")
                elif not self.first and self.over:
                    await leg.give_up("cancelled")
        return self.first

    def started(self, leg):
        """A place more rings."""
        if self.ringing:
            self.phone.endpoint.max_calls += 1
        self.ringing.append(leg)

    def ended(self, leg, result, status):
        """A place rings no more."""
        if leg in self.ringing:
            self.ringing.remove(leg)
            if self.ringing:
                self.phone.endpoint.max_calls -= 1
            self.results.append((leg.target, result, status))
            self.over = self.over or result in self.stop or status >= 600
            self.notify()

    def hang_up(self, spared):
        """End all the calls but this one."""
        for leg in list(self.ringing):
            call = leg.call
            if call is not spared:
                self.ended(leg, "cancelled", 487)
                if call.session:  # None: it could not even be called
                    call.session.hang_up(platform.now())
                if call.stream:
                    call.stream.stop()

    def error(self):
        """The exception that says what became of it."""
        _, result, status = min(self.results, key=lambda one: _TOLD.index(one[1]) - (one[2] >= 600))
        if status in (408, 487):
            return CallTimeout(408, "No answer", self.results)
        return CallRejected(status, result, self.results)


class _Leg:
    # A call of the hunt. It stands between the phone and the call until that is the one.
    media = None

    def __init__(self, hunt, call, target, ms, account):
        self.hunt = hunt
        self.call = call
        self.target = target
        self.ms = ms
        call.account = account
        self.end = None
        self.take = call.on_event
        call.on_event = self.on_event

    def start(self):
        hunt = self.hunt
        hunt.started(self)
        self.end = ticks_add(platform.now(), self.ms)
        try:
            self.call.session = hunt.phone.start_call(self.call)
        except CallRejected as error:
            hunt.ended(self, outcome(error.status), error.status)
            return
        hunt.phone.pump()

    async def give_up(self, result):
        """Nobody has answered in time, or nobody else is wanted."""
        self.hunt.ended(self, result, 487)
        await self.call.hangup(0)

    def on_event(self, event):
        hunt = self.hunt
        kind = event.kind
        if kind == "media" and hunt.together:
            self.media = event
            return
        if kind == "answered":
            if hunt.first or self not in hunt.ringing:  # too late
                event.source.hang_up(platform.now())
                return
            hunt.first = self.call
            del self.call.on_event
            hunt.hang_up(self.call)
            if self.media:
                self.take(self.media)
        self.take(event)
        if kind == "ended":
            hunt.ended(self, outcome(event.status), event.status)
        hunt.notify()
