# Security descriptions: the keys of SRTP in a description, RFC 4568; by RTP/AVP when plain RTP will do, too (RFC 8643).
# Loaded with the first call that may have keys. May import errors, media and sound.attributes.
#
#     a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:BASE64 of key and salt|2^48
#
# Each end says the key that it sends with. Refused, because we do it not: an MKI or several keys, and parameters that
# switch something off (UNENCRYPTED_SRTP ...) or on (KDR, FEC_ORDER ...). A lifetime is taken note of by nobody: 2^48
# packets are 178,000 years.
#
# In a call the same key goes on with its roll-over counter, whoever puts whom on hold (RFC 4568 7.1.4). A new key of
# the far end may be a new far end, that knows nothing of our counter: it is answered with a new one of ours.

import binascii

from siplet.errors import RemoteError
from siplet.media.srtp import LONG_TAG, MASTER, SHORT_TAG, Receiver, Room, Sender
from siplet.sound.attributes import values

_SUITES = ((b"AES_CM_128_HMAC_SHA1_80", LONG_TAG), (b"AES_CM_128_HMAC_SHA1_32", SHORT_TAG))
_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_PLAIN = "RTP/AVP"
_PROFILES = (_PLAIN, "RTP/SAVP", "RTP/SAVPF")


class Crypto:
    """What one line says. number: its tag, int; suite: a row of the suites; key: bytearray, MASTER bytes."""

    def __init__(self, number, suite, key):
        self.number = number
        self.suite = suite
        self.key = key

    def text(self):
        """The line, str."""
        key = binascii.b2a_base64(self.key).strip().decode()
        return "a=crypto:%d %s inline:%s\r\n" % (self.number, self.suite[0].decode(), key)

    def wipe(self):
        """Overwrite the key."""
        for i in range(len(self.key)):
            self.key[i] = 0


def read(value):
    """The Crypto of an a=crypto line's value, bytes; None for one that we cannot do, or that breaks the grammar."""
    fields = value.split()
    if len(fields) < 3 or not fields[0].isdigit() or len(fields[0]) > 9:
        return None
    suite = None
    for row in _SUITES:
        if fields[1].upper() == row[0]:
            suite = row
    key, *rest = fields[2].split(b"|")
    if not suite or key[:7].lower() != b"inline:" or len(rest) > 1 or (rest and not _is_lifetime(rest[0])):
        return None  # (what is behind a second bar, or has a colon, is an MKI)
    for field in fields[3:]:
        # what begins with "-" may be passed over (6.3.7); a hint how many packets to remember is none that we need
        if field[:1] != b"-" and field[:4].upper() != b"WSH=":
            return None
    key = _key(key[7:])
    return Crypto(int(fields[0]), suite, key) if key else None


def _is_lifetime(text):
    if text[:2] == b"2^":
        text = text[2:]
        return text.isdigit() and len(text) < 3 and 0 < int(text) <= 48
    return text.isdigit() and len(text) <= 15


def _key(text):
    # strictly: 40 digits of base64 are 30 bytes; into memory that can be overwritten
    if len(text) != MASTER // 3 * 4:
        return None
    key = bytearray(MASTER)
    bits = held = at = 0
    for c in text:
        value = _DIGITS.find(bytes([c]))
        if value < 0:
            return None
        bits = (bits << 6 | value) & 0xFFF
        held += 6
        if held > 7:
            held -= 8
            key[at] = bits >> held & 0xFF
            at += 1
    return key


class Keys:
    """The keys of one line: an extra of siplet.sound.line. must: no call without them. may: callable(place): whether
    keys may be said there: at a URI, bytes, or to who sent from (host, port, transport). random: callable(n) -> n
    bytes. line: whose `ours` and `agreed` count.

    ours, theirs: the Crypto in force for what we send and hear; None: there is none.
    """

    ours = theirs = None

    def __init__(self, line, must, may, random):
        self.line = line
        self._must = must
        self._may = may
        self._random = random
        self._said = []  # what our offers say
        self._spent = []  # to be overwritten in the end
        line.profiles = _PROFILES[1:] + _PROFILES[:1] if must else _PROFILES

    def fits(self, media):
        """Whether an sdp.Media can be taken: one of its keys, or none where none is needed."""
        return bool(self._choose(media)) or (media.proto.upper() == _PLAIN and not self._must)

    def take(self, media):
        """What the far end offered, or answered to our offer. RemoteError(488): no key where there must be one."""
        theirs = self._choose(media)
        proto = media.proto.upper()
        if theirs is None:
            if self._must or proto != _PLAIN:
                raise RemoteError(488, "SDP: no key for SRTP")
            self.ours = None
        elif self.line.ours:
            self.ours = self._answered(theirs)
        else:
            former = self.theirs
            same = former and former.key == theirs.key and former.suite is theirs.suite
            self.ours = Crypto(theirs.number, theirs.suite, self.ours.key if same else self._new())
            self._said = [self.ours]
        if theirs:
            self._spent.append(theirs.key)
        self.theirs = theirs
        self.line.profiles = (proto,) + _PROFILES  # our next offer has it, too

    def lines(self, media):
        """What our offer says (media None), or our answer."""
        if media:
            return self.ours.text() if self.ours else ""
        if not self._may or (self.line.agreed and not self.theirs):
            return ""  # without keys as it was
        if not self._said:
            self._said = [Crypto(i + 1, _SUITES[i], self._new()) for i in range(len(_SUITES))]
        return "".join([one.text() for one in self._said])

    def goes(self, uri):
        """Our offer goes to another URI than at first. RemoteError(488): it must not."""
        if self._may and not self._may(uri):
            if self._must:
                raise RemoteError(488, "SRTP: keys are for TLS")
            self._may = None
            self.line.profiles = (_PLAIN,)

    def comes(self, source):
        """Another far end takes the place of this one. RemoteError(488): it must not."""
        if self.theirs and self._may and not self._may(source):
            raise RemoteError(488, "SRTP: keys are for TLS")
        self.goes(source)

    def insist(self):
        """Our offer was refused, 488: whether we offer RTP/SAVP instead, as who requires keys may want it."""
        if self.line.profiles[0] != _PLAIN or not self._said or not self._may:
            return False
        self.line.profiles = _PROFILES[1:]
        return True

    def again(self, line, uri):
        """What takes this extra's place in another line, to another far end at a URI. RemoteError(488) as goes()."""
        keys = Keys(line, self._must, self._may, self._random)
        keys._spent = self._spent  # whoever wipes one of them wipes both
        keys.goes(uri)
        return keys

    def wipe(self):
        """The call is over: overwrite all keys."""
        for key in self._spent:
            for i in range(len(key)):
                key[i] = 0
        self._said = []
        self._spent.clear()
        self.ours = self.theirs = None

    # -- inside

    def _new(self):
        key = bytearray(self._random(MASTER))
        self._spent.append(key)
        return key

    def _answered(self, theirs):
        # the line of our offer that an answer takes (RFC 4568 5.1.2), None for another
        for one in self._said:
            if one.number == theirs.number and one.suite is theirs.suite:
                return one
        return None

    def _choose(self, media):
        # the first of its keys that we can do
        if not self._may:
            return None
        for value in values(media, b"crypto"):
            found = read(value)
            if found and (not self.line.ours or self._answered(found)):
                return found
        return None


class Cipher:
    """What a siplet.sound.stream.Stream calls its cipher: the keys in force, and the former ones of the far end until
    the new ones were heard. failed, replayed: packets that were dropped, see siplet.media.srtp.Receiver; they are bad
    or duplicate in stats, a stream.Stats. length: of the tags.
    """

    stats = None

    def __init__(self):
        self._room = Room()
        self._sender = Sender(self._room)
        self._receiver = Receiver(self._room)
        self._former = None
        self._ours = self._theirs = None  # copies: who has them overwrites what they were made of
        self.length = 0

    @property
    def failed(self):
        return self._receiver.failed

    @property
    def replayed(self):
        return self._receiver.replayed

    def agree(self, ours, theirs):
        """Two Cryptos are in force from now on. The same keys as before go on as they were."""
        tag = theirs.suite[1]
        if self._ours != (ours.key, tag):
            self._ours = _kept(self._ours, ours.key, tag)
            self._sender.key(ours.key, tag)
        if self._theirs != (theirs.key, tag):
            if self._theirs:
                self._keep_former()
            self._theirs = _kept(self._theirs, theirs.key, tag)
            self._receiver.key(theirs.key, tag)
        self.length = tag

    def _keep_former(self):
        try:
            self._former, self._receiver = self._receiver, self._former or Receiver(self._room)
        except MemoryError:  # what is still under way is lost
            pass

    def protect(self, packet):
        """See siplet.media.srtp.Sender, as for protect_control()."""
        return self._sender.protect(packet)

    def protect_control(self, packet):
        return self._sender.protect_control(packet)

    def unprotect(self, data, at, end):
        """See siplet.media.srtp.Receiver, as for unprotect_control()."""
        replayed = self._receiver.replayed
        stop = self._receiver.unprotect(data, at, end)
        if self._former:
            if stop != at:
                self._former.wipe()
                self._former = None
            else:
                stop = self._former.unprotect(data, at, end)
        if stop == at and self.stats:
            if self._receiver.replayed != replayed:
                self.stats.duplicate += 1
            else:
                self.stats.bad += 1
        return stop

    def unprotect_control(self, data, at, end):
        stop = self._receiver.unprotect_control(data, at, end)
        if stop == at and self._former:
            stop = self._former.unprotect_control(data, at, end)
        return stop

    def wipe(self):
        """Overwrite what the keys became."""
        for one in (self._sender, self._receiver, self._former):
            if one:
                one.wipe()
        self._receiver.failed = self._receiver.replayed = 0
        self._former = None
        self._ours = _kept(self._ours, b"", 0)
        self._theirs = _kept(self._theirs, b"", 0)
        self.length = 0


def _kept(former, key, tag):
    # (a copy of key, tag); the former one is overwritten
    if former:
        for i in range(len(former[0])):
            former[0][i] = 0
    return (bytearray(key), tag) if key else None
