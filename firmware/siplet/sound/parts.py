# What a call sounds like beyond the plain: the parts that change its frames, hide what the network lost, and tell how
# good it was. May import line, and what stream may; loaded as the phone opens, when the heap has room for it.
#
# Without this file a stream is whole: a fixed jitter buffer, G.711, telephone events. A part adds one thing to it:
#
#     class Part:
#         order = 20                        near runs the parts by rising order, far by falling
#         vital = True                      no call without it: where memory fails for it, the call is refused or over
#         def __init__(self, options): ...  takes all the memory that it will ever need; options: see Sound
#         def describe(self, line): ...     a Line was made, and nothing is said yet: its extras, profiles, address
#         def begin(self, call): ...        its stream is about to start; False: this call does without the part
#         def agree(self, stream): ...      the stream has taken an agreement, the first one or another
#         def tune(self, rate): ...         8000 or 16000 samples a second from the next frame on; 8000 until then
#         def near(self, frame): ...        each 20 ms, between microphone and packet, changes frame in place
#         def far(self, frame): ...         each 20 ms, between packet and speaker
#         def end(self): ...                the call is over, or never began; the next begin() may be another call's
#
# All but __init__ may be missing. near, far and what a part hangs into the stream allocate nothing. Parts are made once
# and kept from call to call, for a heap that is torn has no such pieces any more.

from siplet import platform
from siplet.sound.line import Line
from siplet.sound.stream import Stream

# order: 10 canceller, 20 hands-free, 30 mixer of prompts and tones, 40 keys as tones, 50 recorder
#
# (module below siplet, class, key, its value when none is given, the value that leaves the part out)
PARTS = [
    ("sound.path", "Path", "sound.follow_source", "port", "off"),
    ("sound.player", "Player", "sound.jitter_most_ms", 200, 0),
    ("sound.handsfree", "HandsFree", "sound.hands_free", "switch", "off"),
    ("sound.reports", "Reports", "sound.reports_of_quality", True, False),
    ("sound.local", "Local", "sound.progress_tones", True, False),
    ("sound.inband", "Inband", "sound.listen_for_keys", True, False),
    ("sound.srtp", "Srtp", "sound.srtp_encryption", "offer", "off"),
]


class Sound:
    """options: {key: value}, the keys sound.* of siplet.config; what is missing has its default. A call of it makes a
    Line, as siplet.line's class does.

    failed: parts that a call had to do without, for want of memory. mapper: a siplet.sound.stun.Mapper, or None.
    """

    mapper = None

    lent = None  # what a page plays on, a siplet.paging_audio.Lent

    def __init__(self, options):
        self.options = options
        self.failed = 0
        self._makers = []
        for module, name, key, usual, off in PARTS:
            if options.get(key, usual) != off:
                self._makers.append(getattr(__import__("siplet." + module, None, None, (name,)), name))
        self._spare = [self._make()]
        self._hd = []

    def _make(self):
        parts = []
        for make in self._makers:
            try:
                parts.append(make(self.options))
            except MemoryError:
                self.failed += 1
                if getattr(make, "vital", False):
                    raise OSError(12)  # ENOMEM: there is no line then
        return parts

    def __call__(self, phone, subject=None):
        """A Line for one call of a Phone; subject: see Line. OSError: no port is free, or no memory."""
        try:
            return self._furnished(phone, subject)
        except MemoryError:
            raise OSError(12)  # ENOMEM

    def _furnished(self, phone, subject):
        try:
            line = Line(phone, self, subject)
        except OSError:
            if not self.mapper or not self.mapper.spare():
                raise
            line = Line(phone, self, subject)
        try:
            if self.mapper:
                self.mapper.map(line)
            line.parts = self._spare.pop() if self._spare else self._make()
            for part in line.parts:
                if hasattr(part, "describe"):
                    part.describe(line)
        except Exception:  # whatever it was, the port is free again
            line.close()
            raise
        return line

    def codecs(self, phone):
        """(the codecs of a Phone's next call, by preference; the wideband.Wide for it, None without G.722)."""
        codecs = phone.codecs
        wanted = self.options.get("sound.wideband_speech")
        if wanted is None and 16000 in getattr(phone.audio, "rates", ()):
            from siplet.sound.wideband import fast

            wanted = fast()
        if b"G722" not in codecs:
            if not wanted:
                return codecs, None
            codecs = [b"G722"] + codecs
        try:
            from siplet.sound.wideband import Wide

            return codecs, self._hd.pop() if self._hd else Wide(phone.audio)
        except MemoryError:
            self.failed += 1
            return [codec for codec in codecs if codec != b"G722"], None

    def furnish(self, call):
        """A Call's stream was made, and will start: hang the parts into it."""
        for part in call.line.parts:
            try:
                insert(call, part)
            except MemoryError:
                self.failed += 1
                if getattr(part, "vital", False):
                    call._stop()

    def page(self, audio, udp, random):
        """The Stream of a page: of all parts it has the player alone."""
        self.lent = audio
        stream = Stream(audio, udp, random)
        for make in self._makers:
            if make.__name__ == "Player":
                stream.parts = [make(self.options)]
                stream.parts[0].begin(_Page(stream))
        return stream

    def narrow(self, stream):
        """A Stream is over; the next one's audio object begins at 8 kHz."""
        if stream.wide:
            from siplet.sound.wideband import widen

            widen(stream)

    def release(self, line):
        """A Line is closed: its parts are free for another one."""
        stream, line.heard = line.heard, None
        if stream:
            self._guard(line.phone, self.narrow, stream)
        if line.hd and not self._hd:
            self._hd.append(line.hd)
        line.hd = None
        parts, line.parts = line.parts, []
        for part in parts:
            if hasattr(part, "end"):
                self._guard(line.phone, part.end)
        if parts and not self._spare:
            self._spare.append(parts)

    def _guard(self, phone, end, *arguments):
        try:
            end(*arguments)
        except Exception as error:  # a fault of ours, or of a device: all else ends all the same
            phone.faults += 1
            platform.print_exception(error)


class _Page:
    """What a part's begin() sees of a call."""

    def __init__(self, stream):
        self.stream = stream


def sound(options, phone=None):
    """What Phone.sound becomes. phone: the Phone, which is about to be open."""
    made = Sound(options)
    server = options.get("sound.stun_server")
    if server and phone:
        from siplet.sound.stun import Mapper

        made.mapper = Mapper(phone, server)
    return made


def insert(call, part):
    """Add one part to a Call's stream, before it starts or while it runs."""
    stream = call.stream
    if hasattr(part, "begin") and part.begin(call) is False:
        return
    if stream.wide and hasattr(part, "tune"):
        part.tune(16000)
    _arrange(stream, [one for one in stream.parts if one is not part] + [part])


def remove(call, part):
    """Take a part out of a Call's stream; its end() is the caller's."""
    if call.stream:
        _arrange(call.stream, [one for one in call.stream.parts if one is not part])


def find(call, kind):
    """The part of a Call's stream that is a kind, a class; None when it has none."""
    for part in call.stream.parts if call.stream else ():
        if isinstance(part, kind):
            return part
    return None


def _arrange(stream, parts):
    stream.parts = parts
    ordered = sorted([part for part in parts if hasattr(part, "order")], key=_order)
    stream.near = tuple([part.near for part in ordered if hasattr(part, "near")])
    ordered.reverse()
    stream.far = tuple([part.far for part in ordered if hasattr(part, "far")])


def _order(part):
    return part.order
