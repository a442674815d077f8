# What a page, heard or spoken, shares with the calls of its phone: the audio device. May import stream,
# audio and platform.

from siplet import platform
from siplet.audio.null import Null
from siplet.stream import Stream

running = []  # the Lents of all pages that go on now


def _between(of, to, at):
    if of == to:
        return None, None
    from siplet.audio.rates import Rates

    return Rates(of, to), bytearray(at // 25)


class Lent(Null):
    """The phone's audio device while a page plays on it: a call that has it, too, begins and ends it alone.

    Pages heard and spoken at once share it: it runs at the rate of the widest, the others' frames are converted. rate:
    of this page's frames; at: the device's, as far as pages know.
    """

    rate = at = 8000
    busy = False  # siplet.sound.local gives way then
    _rates = _own = None

    def __init__(self, audio, find_call, is_taken=None):
        self.audio = audio
        self.rates = getattr(audio, "rates", (8000,))
        self._find_call = find_call
        self._is_taken = is_taken  # whether a call has just begun, and made the device its own

    def is_alone(self):
        """Whether no other page has the device, and no call."""
        for one in running:
            if one is not self and one.audio is self.audio:
                return False
        return not self._find_call()

    def start(self):
        if running and not self._find_call():
            self.tune(self.rate)
        if self.is_alone():
            self.audio.start()
        self.busy = True
        running.append(self)

    def stop(self):
        self.busy = False
        if self in running:
            running.remove(self)
        if self.is_alone():
            self.audio.stop()

    def tune(self, rate):
        """This page's frames have that rate from now on; while a call has the device: that is the device's."""
        if len(self.rates) == 1:
            return
        if self._find_call():
            if not self.busy:
                self.rate = rate
            self.audio.tune(rate)
            self.at = rate
            self._rates = None
            return
        self.rate = rate
        pages = [one for one in running if one.audio is self.audio and one is not self] + [self]
        at = max([one.rate for one in pages])
        fitting = [one.fitting(at) for one in pages]  # all memory first
        if len(pages) == 1 or any(one.at != at for one in pages[:-1]):
            self.audio.tune(at)
        for i, one in enumerate(pages):
            one.at = at
            one._rates, one._own = fitting[i]

    def fitting(self, at):
        """What converts frames for a device of the rate `at`: (a Rates or None, a frame of the device)."""
        return _between(self.rate, at, at)

    def read(self, frame):
        return False  # nobody wants to hear it

    def write(self, frame):
        if self._is_taken and self._is_taken():
            return
        if self._rates:
            self._rates.convert(frame, self._own)
            frame = self._own
        self.audio.write(frame)


class Spoken(Lent):
    """The phone's audio device while a page of ours goes out: a call has it first, and the page is silent meanwhile."""

    _first = None  # the call that has it, or had it and has not yet stopped it

    def tune(self, rate):
        if self._find_call() and not self.busy:
            self.rate = rate
        else:
            super().tune(rate)

    def fitting(self, at):
        return _between(at, self.rate, at)

    def read(self, frame):
        call = self._find_call()
        if call:
            self._first = call
            return False
        if self._first:
            if not self._first.line.silent.is_set():
                return False
            self._first = None
            self.at = 0
            self.tune(self.rate)
            self.audio.start()
        if not self._rates:
            return self.audio.read(frame)
        heard = self.audio.read(self._own)
        self._rates.convert(self._own, frame)
        return heard

    def write(self, frame):
        if not self._first and self.is_alone():
            self.audio.write(frame)


class Still(Null):
    """What the call has meanwhile; its stream is muted."""

    rates = (8000, 16000)  # another codec may be agreed on meanwhile

    def tune(self, rate):
        pass

    def read(self, frame):
        return False


def find_call(phone, audio=None):
    """The Call that has the speaker, or an audio object; None when there is none."""
    for session in phone.endpoint.sessions:
        call = session.call
        if call and call.stream and (audio is None or call.audio is audio):
            return call
    return None


def speeches(phone):
    """The pages that we speak now, a tuple."""
    return phone.__dict__.get("speeches", ())


def make_stream(phone, udp, audio):
    """A Stream for a page; a complete phone's hides what the network lost, and knows G.722."""
    return getattr(phone.sound, "page", Stream)(audio, udp, platform.random)


def narrow(phone, stream):
    """A page is over: the next one, or a call, begins at 8 kHz."""
    if getattr(stream, "wide", None):
        phone.sound.narrow(stream)


def hand_on(phone):
    """A page is over: who wants its device finds the page that still has it."""
    lent = getattr(phone.sound, "lent", None)
    for one in running:
        if lent and not lent.busy and one.audio is lent.audio:
            phone.sound.lent = lent = one
