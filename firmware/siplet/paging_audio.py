# What a page, heard or spoken, shares with the calls of its phone: the audio device. May import stream and platform.

from siplet import platform
from siplet.audio.null import Null
from siplet.stream import Stream


class Lent(Null):
    """The phone's audio device while a page plays on it: a call that has it, too, begins and ends it alone."""

    def __init__(self, audio, find_call, is_taken):
        self.audio = audio
        self.rates = getattr(audio, "rates", (8000,))
        self._find_call = find_call
        self._is_taken = is_taken  # whether a call has just begun, and made the device its own

    busy = False  # siplet.sound.local gives way then

    def start(self):
        self.busy = True
        if not self._find_call():
            self.audio.start()

    def stop(self):
        self.busy = False
        if not self._find_call():
            self.audio.stop()

    def tune(self, rate):
        if len(self.rates) > 1:
            self.audio.tune(rate)

    def read(self, frame):
        return False  # nobody wants to hear it

    def write(self, frame):
        if not self._is_taken():
            self.audio.write(frame)


class Spoken(Lent):
    """The phone's audio device while a page of ours goes out: a call has it first, and the page is silent meanwhile."""

    _taken = False

    def __init__(self, audio, find_call, find_page):
        super().__init__(audio, lambda: find_call() or find_page(), None)
        self._find_first = find_call

    def read(self, frame):
        if self._find_first():
            self._taken = True
            return False
        if self._taken:  # and stopped when the call was over
            self._taken = False
            self.tune(len(frame) * 25)
            self.audio.start()
        return self.audio.read(frame)

    def write(self, frame):
        if not self._find_call():
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
