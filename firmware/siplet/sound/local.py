# What a caller hears of a call that has no sound yet: ringing, and why nobody answered. A part of siplet.sound. May
# import media and platform.
#
# The phone's events "ringing" and "ended" come by here; the audio object then runs without a stream until there is one
# (before or with the answer), or the call ends. A far end that sends sound of its own is heard instead; one that said
# 180 and agreed on early media but sends nothing is helped out (RFC 3960 3.2).
#
# Germany's tones are what is heard when nobody chose a country: 425 Hz, 1 s on and 4 s off, equal on and off for busy
# and congestion is what ITU-T E.180 recommends to all countries, and nobody mistakes it.

import asyncio
import sys

from micropython import const

_REFUSED = const(4000)  # ms for which it is heard that a call was refused
_BUSY = (486, 600, 603)

_known = {}


def tones(options, name):
    """How the tone of that name sounds in the configured country; LocalError when there is none."""
    country = options.get("sound.tones_of_country", "de")
    if country not in _known:
        from siplet.media import country_tones

        _known.clear()
        _known[country] = country_tones.tones(country)
        sys.modules.pop("siplet.media.country_tones", None)  # of its rows one is wanted
        sys.modules["siplet.media"].__dict__.pop("country_tones", None)
    found = _known[country].get(name)
    if not found:
        from siplet.errors import LocalError

        raise LocalError("no tone has the name " + name)
    return found


class Progress:
    """Takes a phone's events "ringing" and "ended" on their way to the calls. rung: the call of which 180 was said."""

    def __init__(self, phone, options):
        self.phone = phone
        self.options = options
        self.rung = None
        self.player = None
        for kind in ("ringing", "ended"):
            phone.handlers[kind] = self

    def __call__(self, event):
        call = event.source.call
        if event.kind == "ringing":
            if call:
                call.on_event(event)
                if event.status == 180:
                    self.rung = call
                if hasattr(call, "audio"):  # and not a call that was only handed on
                    self._ring(call)
            return
        former = call.state if hasattr(call, "audio") else ""
        handlers = self.phone.handlers
        del handlers["ended"]
        try:
            self.phone._on_event(event)
        finally:
            handlers["ended"] = self
        if self.rung is call:
            self.rung = None
        if former in ("calling", "ringing"):
            if self.player and self.player.call is call:
                self.silence()
            for other in self._calls():
                self._ring(other)  # called beside this one
            if event.data in ("rejected", "timeout") and event.status != 487 and not self.player:
                self._refused(call, "busy" if event.status in _BUSY else "congestion")

    def _calls(self):
        return [session.call for session in self.phone.endpoint.sessions if hasattr(session.call, "audio")]

    def _ring(self, call):
        if call.state == "ringing" and not (self.player and self.player.name == "ringing"):
            self._begin(call, "ringing", 0)

    def _refused(self, call, name):
        if not any(other.state in ("calling", "ringing", "up") for other in self._calls()):
            self._begin(call, name, _REFUSED)

    def _begin(self, call, name, ms):
        audio = call.audio
        if not audio or any(other.stream and other.audio is audio and other is not call for other in self._calls()):
            return
        if (call.stream and not ms) or self.is_lent(audio):
            return
        self.silence()
        try:
            from siplet.sound.sounder import Sounder

            player = Sounder(self, call, name, ms)
        except MemoryError:  # the call goes on without it
            return
        self.player = player
        player.task = asyncio.create_task(player.run())

    def is_lent(self, audio):
        """Whether a page plays on an audio object."""
        lent = getattr(self.phone.sound, "lent", None)
        return bool(lent) and lent.audio is audio and lent.busy

    def silence(self, audio=None):
        """Stop what is heard at an audio object, or at any: it is wanted for something else."""
        player = self.player
        if player and (audio is None or player.audio is audio):
            self.player = None
            player.stop()


class Local:
    """See above. One for each call; they share their phone's Progress."""

    order = 30

    def __init__(self, options):
        self._options = options
        self._progress = self._call = self._tone = None

    def describe(self, line):
        progress = line.phone.handlers.get("ringing")
        if progress is None:
            progress = Progress(line.phone, self._options)
        if isinstance(progress, Progress):
            self._progress = progress
            if progress.player and progress.player.ms:  # of a former call
                progress.silence()

    def begin(self, call):
        if not self._progress:
            return False
        self._progress.silence(call.audio)
        if call.request or call.session.state == "up":  # sound that came with the answer, not before it
            return False
        from siplet.media.cadence import Cadence

        self._tone = Cadence(tones(self._options, "ringing"))
        self._call = call
        return True

    def tune(self, rate):
        if self._tone:
            self._tone.tune(rate)

    def far(self, frame):
        call = self._call
        if call:
            if call.stats.received or call.state not in ("calling", "ringing"):
                self._call = None
            elif self._progress.rung is call:
                self._tone.read(frame)

    def end(self):
        self._call = self._tone = None
