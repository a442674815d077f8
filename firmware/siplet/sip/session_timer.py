# Session timers: RFC 4028. A call that nobody refreshes is over, for who was switched off says no BYE. Loaded when one
# is asked for, by us or by the far end. Imports what reinvite imports.
#
#     Session-Expires: 1800;refresher=uac    whoever refreshes does so at half of it, by UPDATE where the other end
#                                            takes it (Allow), else by re-INVITE; every answer settles it anew
#     422, Min-SE: 3600                      too short for somebody on the way: asked again, with that
#     nothing came in time                   BYE
#
# endpoint.session_expires: s to ask for; 0: only what the far end asks for is honoured.

from micropython import const

from siplet.errors import LocalError, RemoteError
from siplet.limits import SESSION_LEAST, SESSION_MOST
from siplet.sip.header import integer, param
from siplet.sip.reinvite import change
from siplet.ticks import ticks_add, ticks_diff

_SOON = const(5000)  # ms, the least time between two refreshes, whatever the far end asks for
_TRIES = const(5)  # times that a longer one is asked for in a call


def want(session):
    """The Timer of a session whose INVITE is about to leave: endpoint.session_expires are asked for."""
    session.timer = Timer(session)


def serve(session, request):
    """Settle the timer with an INVITE or UPDATE that came (section 9), for the 2xx that answers it.

    RemoteError(422) when it is shorter than SESSION_LEAST, and its sender can be told.
    """
    timer = session.timer
    if timer is None:
        timer = session.timer = Timer(session)
    timer.settle(request)


def agreed(session, response, now):
    """The 2xx to our INVITE or UPDATE says how it is to be (section 7.2)."""
    if session.timer is None:
        want(session)
    session.timer.learn(response, now)


def lengthen(session, response):
    """A 422 to our INVITE or UPDATE: whether it may be sent again, with what its Min-SE asks for (section 7.3)."""
    if session.timer is None:
        want(session)
    timer = session.timer
    least = _seconds(response, b"min-se")
    timer.tries -= 1
    if timer.tries < 0 or not timer.least < least <= SESSION_MOST:  # no longer than what we asked for already
        return False
    timer.least = least
    timer.interval = max(timer.interval, least)
    return True


def _seconds(message, name):
    # the number that a header begins with, 0 when it has none that can be used
    try:
        return integer(message.header(name) or b"", 0xFFFFFFFF)
    except RemoteError:
        return 0


def _refresher(value):
    try:
        return (param(value, b"refresher") or b"").lower()
    except RemoteError:
        return b""


def _lists(message, name, word):
    # whether a header of tokens has this one, in any case; not when it cannot be read
    try:
        return word in [value.lower() for value in message.headers(name)]
    except RemoteError:
        return False


class Timer:
    """interval: s to ask for, or those that run, 0 for none; least: s, the largest Min-SE seen; ours: we refresh it;
    updates: the far end takes UPDATE. A usage of the endpoint, as long as its call lasts.
    """

    dialog = deadline = None
    ours = running = updates = False
    tries = _TRIES
    _next = 0, False, False  # what the 2xx to a request of theirs will say: interval, ours, whether it knows timers
    _due = None  # when the session is over

    def __init__(self, session):
        self.session = session
        self.endpoint = session.endpoint
        self.least = SESSION_LEAST
        self.interval = self._wanted()

    def _wanted(self):
        seconds = self.endpoint.session_expires
        return seconds and max(seconds, SESSION_LEAST)

    @property
    def alive(self):
        """Until the call is over."""
        return self.session.alive and not self.session._finished

    # -- requests of ours

    def ask(self, builder):
        """The headers of an INVITE or UPDATE of ours (sections 7.1 and 7.4)."""
        if self.interval:
            who = b""
            if self.running:  # who refreshes goes on to do so
                who = b";refresher=uac" if self.ours else b";refresher=uas"
            builder.header(b"Session-Expires", self.interval, who)
            if self.least > SESSION_LEAST:
                builder.header(b"Min-SE", self.least)

    def learn(self, response, now):
        """Its 2xx: without Session-Expires there is no timer any more (section 7.2)."""
        self._see(response)
        seconds = _seconds(response, b"session-expires")
        self._start(seconds, _refresher(response.header(b"session-expires") or b"") != b"uas", now)

    # -- requests of theirs

    def settle(self, request):
        """What answer() will say to this INVITE or UPDATE; RemoteError(422)."""
        value = request.header(b"session-expires")
        knows = _lists(request, b"supported", b"timer") or _lists(request, b"require", b"timer")
        least = min(_seconds(request, b"min-se"), SESSION_MOST)
        ours = not knows
        if value is None:
            # Nobody asks: a timer that runs goes on, and one that we want begins. Who does not know it cannot refresh.
            seconds = self.interval and max(self.interval, least)
            ours = ours or self.ours or not self.running
        else:
            try:
                seconds = integer(value, 0xFFFFFFFF)
            except RemoteError as error:
                raise RemoteError(400, "Session-Expires: " + error.text)
            if seconds < SESSION_LEAST:
                if knows:
                    raise RemoteError(422, "Session-Expires: too short")
                seconds = 0  # put in by a proxy, which may not ask for less
            # The table of section 9; where the choice is ours, whoever did it goes on, and else who asked for it does
            who = _refresher(value)
            ours = ours or who == b"uas" or (who != b"uac" and self.running and self.ours)
        self._see(request)
        self.least = max(self.least, least)
        self._next = seconds, ours, knows

    def answer(self, builder, now):
        """The headers of our 2xx; the time runs from now."""
        seconds, ours, knows = self._next
        if seconds:
            builder.header(b"Session-Expires", seconds, b";refresher=uas" if ours else b";refresher=uac")
            if knows:
                builder.header(b"Require", b"timer")
        self._start(seconds, ours, now)

    # -- time

    def on_time(self, now):
        """Refresh; or end a call that nobody has refreshed."""
        if not self.alive:
            return
        left = ticks_diff(self._due, now)
        if left <= 0:
            self.session.step("lost", now, 408, b"Session Expired", "lost")
            return
        if self.ours:
            try:
                change(self.session, now, None, self.updates)
            except LocalError:  # not yet up, or another change is under way, which is as good
                pass
        # And again, should it be refused: at half of what is left, to the end
        self.deadline = ticks_add(now, max(left // 2, min(left, _SOON)) if self.ours else left)

    def _start(self, seconds, ours, now):
        self.running = seconds > 0
        self.deadline = None
        self.ours = ours
        self.interval = seconds or self._wanted()
        if not seconds or (seconds > SESSION_MOST and not ours):
            return
        ms = min(seconds, SESSION_MOST) * 1000
        if not ours:  # somewhat earlier: our BYE shall come before proxies have forgotten the call (section 10)
            ms -= min(32000, ms // 3)
        self._due = ticks_add(now, ms)
        self.deadline = ticks_add(now, max(ms // 2, min(ms, _SOON)) if ours else ms)
        if self not in self.endpoint.usages:
            self.endpoint.usages.append(self)

    def _see(self, message):
        if message.find(b"allow"):
            self.updates = _lists(message, b"allow", b"update")
