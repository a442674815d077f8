# A line whose description and stream have places for more: what siplet.line is to a plain phone. May import line and
# stream.
#
# Extras are who has more to say about the stream: how it is ciphered, say, or that RTCP shares its port.

from siplet import platform
from siplet.line import Line as Plain
from siplet.offer import Negotiation
from siplet.sound.stream import Stream


class Line(Plain):
    """profiles: of RTP, in capitals, the first one is offered. parts: of siplet.sound.parts, this call's.

    extras: each has lines(media): str, the attributes of our offer (media None) or of our answer to an sdp.Media, CRLF
    behind each; and take(media): what the far end offered, before lines(media), or answered. RemoteError(488) refuses
    it, and nothing has changed then. memory: what the stream gets instead of siplet.stream.buffers(), or None. heard:
    the stream, hd: the wideband.Wide that it may need, until close().

    subject: the Call that is made, the sip.session.Session of one that comes. ours: it is our offer that is answered.
    An extra may also have fits(media): whether take() would; goes(uri): our offer goes elsewhere, RemoteError(488): it
    must not; comes(source): see comes(); insist(): our offer was refused, True: there is another one; again(line, uri):
    what takes its place in the line to another far end, see again().
    """

    profiles = ("RTP/AVP",)
    extras = ()
    memory = heard = hd = _media = None
    ours = False
    _more = ""

    def __init__(self, phone, sound, subject=None):
        self.subject = subject
        self._sound = sound
        self.phone = phone
        self.parts = []
        super().__init__(phone, subject)
        try:
            self._codecs, self.hd = sound.codecs(phone)
        except MemoryError:
            self._udp.close()
            raise

    @property
    def udp(self):
        """The socket of RTP, a siplet.net.udp.Udp."""
        return self._udp

    # -- offer and answer

    def offer(self):
        self._media = None
        return super().offer()

    def answer(self, data):
        self.ours = False
        return super().answer(data)

    def accept(self, data):
        self.ours = True
        super().accept(data)

    def goes(self, uri):
        """Our offer again, because it goes to a URI, bytes. RemoteError(488): it must not."""
        for extra in self.extras:
            if hasattr(extra, "goes"):
                extra.goes(uri)
        return self.offer()

    def comes(self, source):
        """Who sent from a source, as siplet.sip has them, takes the far end's place. RemoteError(488): it must not."""
        for extra in self.extras:
            if hasattr(extra, "comes"):
                extra.comes(source)

    def insist(self):
        """Our offer was refused, 488: whether there is another one."""
        return any(hasattr(extra, "insist") and extra.insist() for extra in self.extras)

    def again(self, number, uri):
        """A Negotiation of this line with another far end, at a URI, whose call takes this one's place when it is up.

        number: of its session. RemoteError(488): it must not be called.
        """
        return _Again(self, number, uri)

    def _common(self, media):
        proto = media.proto
        if proto.upper() not in self.profiles:
            return None
        for extra in self.extras:
            if hasattr(extra, "fits") and not extra.fits(media):
                return None
        media.proto = "RTP/AVP"
        codecs = self._codecs
        found = None
        if not self.ours and codecs[0] == b"G722":  # we answer: wide when both can, whatever stands first there
            self._codecs = codecs[:1]
            found = super()._common(media)
            self._codecs = codecs
        found = found or super()._common(media)
        media.proto = proto
        self._media = media
        return found

    def _agree(self, media, common, wanted):
        for extra in self.extras:
            extra.take(media)
        super()._agree(media, common, wanted)

    def _write(self, formats, event, direction, port):
        more = ""
        if port:
            for extra in self.extras:
                more += extra.lines(self._media)
        if more != self._more:
            self._more = more
            self._said = None  # another version of the description
        data = super()._write(formats, event, direction, port)
        front, rear = self._others
        end = len(data) - len(rear)
        proto = self._media.proto if self._media else self.profiles[0]
        own = data.find(b"RTP/AVP", data.find(b"\r\nm=") + 2 + len(front))
        return data[:own] + proto.encode() + data[own + 7 : end] + more.encode() + data[end:]

    # -- the stream

    def stream(self, call):
        """The Stream between a Call's audio and the socket, its parts begun."""
        memory = self.memory or (self._spare.pop() if self._spare else None)
        self._stream = self.heard = call.stream = Stream(call.audio, self._udp, platform.random, memory)
        if self.hd:
            self._stream.hd = self.hd
        lent = self._sound.lent
        if lent and lent.busy and lent.audio is call.audio:
            lent.tune(8000)
        self._sound.furnish(call)
        return self._stream

    async def run(self):
        """Run the stream until it is stopped."""
        if self.memory:
            self._spare = [None]  # nothing of ours is to be kept there
        await super().run()

    def close(self):
        """Give the parts back, which may have a last word to send, and the port."""
        try:
            self._sound.release(self)
        finally:
            super().close()


class _Again(Line):
    # A description alone: the line that it is one of keeps the socket, the parts and the stream

    def __init__(self, line, number, uri):
        Negotiation.__init__(self, line.phone.local_address, line._port, line._codecs, session_id=number)
        self._where = line._where  # what the outside knows, see sound.stun
        self.extras = tuple([one.again(self, uri) if hasattr(one, "again") else one for one in line.extras])

    def close(self):
        pass
