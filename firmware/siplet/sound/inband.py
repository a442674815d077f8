# Keys of the far end in every form: as tones in its sound, which are heard here; with RTP events and INFO together one
# press is one digit. A part of siplet.sound. May import media and platform.
#
# Gateways agree on events and leave the tones in the sound besides, whole or cut short. So the tones are listened to
# until the first event has come; from then on events tell all, and what is left of tones that were cut is only a risk.
# A new agreement (another far end, perhaps, or events no longer) begins anew. INFO says nothing like that: who sends it
# may send some keys by it and others as tones.
#
# Our own tones come back as an echo from a far end's line: while they are sent, and shortly after, none are heard.

from micropython import const

from siplet import platform
from siplet.media.dtmf import Receiver
from siplet.media.keytones import Ear, hear
from siplet.media.presses import INFO, RTP, TONE, Presses
from siplet.ticks import ticks_diff

_DIGITS = const(32)  # as in siplet.call
_DEAF = const(300)  # ms
_FORMS = {"rtp": RTP, "info": INFO, "tone": TONE}


class _Events(Receiver):
    # Hears the events of a stream in its Receiver's place, and sees how long they go on
    def __init__(self, part):
        self.part = part
        super().__init__()

    def take(self, data, at, size, timestamp):
        digit = super().take(data, at, size, timestamp)
        if not digit and size >= 4 and data[at] == self._event:
            self.part.hold_event(data[at])
        return digit


class Inband(Ear):
    """events: the far end's keys come as RTP events, tones are not listened to. said: when we sent tones last, ms."""

    order = 40
    events = False
    said = None

    def __init__(self, options):
        super().__init__()
        self._presses = Presses()
        self._call = self._stream = None
        self._concealed = 0

    def begin(self, call):
        self._call = call
        self._stream = call.stream
        self._concealed = 0
        self.said = None
        self.events = False
        self._presses.reset()
        self.tune(8000)
        call.press = self.press  # instead of the rule for two forms, for the rest of this call
        call.stream.hear_events(_Events(self))

    def agree(self, stream):
        """Offer and answer agreed, at first or anew."""
        self.events = False

    def far(self, frame):
        if self.events:
            return
        code = hear(0, self._waves, self._room, frame, self._later)
        if code:
            self._far(code, frame)

    def _far(self, code, frame):
        concealed = self._stream.stats.concealed
        digit = self.on(code, frame, concealed != self._concealed)
        self._concealed = concealed
        if digit:
            if self.said is None or ticks_diff(platform.now(), self.said) >= _DEAF:
                self._call.press(digit, "tone")
                self._call.notify()
        elif self.held:
            self._presses.hold(self.held, TONE, platform.now())

    def hold_event(self, event):
        """An RTP event goes on."""
        self._presses.hold("0123456789*#ABCD"[event], RTP, platform.now())

    def press(self, digit, kind):
        """As Call.press()."""
        form = _FORMS.get(kind, INFO)
        if form == RTP and not self.events:
            self.events = True
            self.tune(16000 if self._stream and self._stream.wide else 8000)
        if self._presses.press(digit, form, platform.now()):
            keys = self._call._keys
            if len(keys) < _DIGITS:
                keys.append(digit)

    def end(self):
        call, self._call = self._call, None
        self._stream = None
        if call:
            del call.press
