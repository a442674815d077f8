# Calls that are ciphered: which of them, and with what. May import errors, platform, sip.uri and sound.security, which
# is loaded with the first call that may be.
#
# Keys stand in the description (RFC 4568), so they are said and believed over TLS alone: to our server, or from who
# called us over it. What the server does with them is its own affair. sound.srtp_encryption: "offer": keys are offered,
# and plain RTP goes on with who has none (RFC 8643); "require": a call without them is refused with 488; "off". To
# offer is the default: who chose TLS wants to be heard by nobody else, and a far end that does not know keys passes
# over their lines. sound.srtp_without_tls: keys over any transport, for who trusts his network.

from siplet import platform
from siplet.errors import CallRejected, RemoteError
from siplet.sip.uri import Uri

_WHY = "SRTP: keys are for TLS, or sound.srtp_without_tls"
_VOICE = 172  # bytes of a packet of 20 ms, without its tag
_PACKETS = 6  # of them in one read, to the byte


def _is_tls(place):
    # A destination, or where a message came from: (host, port, transport)
    return len(place) > 2 and place[2] in (b"TLS", b"WSS")


class Srtp:
    """A part, see siplet.sound.parts."""

    vital = True  # keys may have been agreed on: nothing goes out in plain then

    def __init__(self, options):
        self._must = options.get("sound.srtp_encryption") == "require"
        self._anyway = bool(options.get("sound.srtp_without_tls"))
        self._cipher = self._data = self._call = self._keys = None

    def describe(self, line):
        """A Line was made. CallRejected, RemoteError: it must not be used, and is closed."""
        status, why = 488, _WHY
        outgoing = hasattr(line.subject, "phone")
        if self._may_begin(line, outgoing):
            try:
                self._add(line)
                return
            except MemoryError:
                status, why = 500, "SRTP: no memory for keys"
        if self._must:
            line.close()
            raise CallRejected(status, why) if outgoing else RemoteError(status, why)

    def _may_begin(self, line, outgoing):
        if self._anyway:
            return True
        subject = line.subject
        if not outgoing:
            return _is_tls(getattr(subject, "source", ()))
        try:
            _, target, hop = line.phone.route(subject.remote, subject.account)
            return self._may(hop or target)
        except RemoteError:  # no URI; whoever sends the INVITE will tell
            return False

    def _may(self, place):
        return self._anyway or _is_tls(place if isinstance(place, tuple) else Uri(place).destination())

    def _add(self, line):
        from siplet.sound.security import Cipher, Keys

        if self._data is None:
            self._cipher = Cipher()
            self._data = bytearray(_PACKETS * (_VOICE + 10))
        self._keys = Keys(line, self._must, self._may, platform.random)
        line.extras = tuple(line.extras) + (self._keys,)

    def begin(self, call):
        """A Call's stream is about to start."""
        self._call = call

    def agree(self, stream):
        """A stream has taken an agreement: its keys are in force."""
        for keys in self._call.line.extras:
            if hasattr(keys, "theirs"):
                break
        else:
            return
        keys.line = self._call.line  # it may have been another's, of a call that took this one's place
        cipher = None
        if keys.theirs:
            cipher = self._cipher
            try:
                cipher.agree(keys.ours, keys.theirs)
            except MemoryError:  # nothing goes out in plain, nor by half a key
                stream.stop()
                stream._sending = False
                self._call._stop()
                return
            cipher.stats = stream.stats
            size = _PACKETS * (_VOICE + cipher.length)
            if len(self._data) != size:
                try:
                    self._data = bytearray(size)
                except MemoryError:  # of a burst one packet in six is lost, then
                    pass
            if not stream.stats.sent:  # so that the first wrap is far, and a packet lost before it harms nobody
                stream.sender._sequence &= 0x7FFF
        stream.read_into(cipher and self._data)
        stream.cipher = cipher

    def end(self):
        """The call is over, or never began: overwrite the keys."""
        if self._keys:
            self._keys.wipe()
            self._cipher.wipe()
        self._call = self._keys = None
