# Digest authentication of who calls us: RFC 3261 section 22 and RFC 7616 from the server's side. Loaded with the first
# configuration that names callers' passwords. Imports errors, auth, reply, ticks.

from hashlib import sha256

from siplet.errors import RemoteError
from siplet.sip.auth import digest, read
from siplet.sip.reply import destination
from siplet.ticks import ticks_diff

_NONCE_MS = 60_000  # a nonce serves that long
_NONCES = 8  # whose use counts are remembered


def equal(a, b):
    """Whether two bytes are the same, in a time that does not tell where they differ."""
    difference = len(a) ^ len(b)
    for i in range(len(b)):
        difference |= a[i % len(a) if a else 0] ^ b[i] if a else 1
    return not difference


class Challenge:
    """users: {user: password}, both bytes; realm: bytes. secret: random bytes that make our nonces ours."""

    def __init__(self, endpoint, users, realm=b"siplet"):
        self._endpoint = endpoint
        self._users = users
        self._realm = realm
        self._secret = endpoint.random(16)
        self._counts = []  # (nonce, the highest count seen, the digest of the message with it)
        self._asked = 0
        self._stale = False  # whether the last answer was to a nonce of ours that serves no more

    def _nonce(self, stamp):
        return stamp + sha256(self._secret + stamp).digest().hex()[:24].encode()

    def ask(self, request, source, now):
        """Answer 401 with a challenge for each algorithm that phones know (RFC 8760 2.3: the strongest first)."""
        endpoint = self._endpoint
        builder = endpoint.builder
        builder.reply(request, 401, source, endpoint._tag)
        stale = b", stale=true" if self._stale else b""
        self._stale = False
        self._asked = (self._asked + 1) & 0xFFFF  # two that ask in the same millisecond count each for itself
        nonce = self._nonce(f"{now:08x}{self._asked:04x}".encode())
        for algorithm in (b"SHA-256", b"MD5"):
            start = b'Digest realm="' + self._realm + b'", nonce="' + nonce
            builder.header(b"WWW-Authenticate", start, b'", qop="auth", algorithm=', algorithm, stale)
        endpoint.send(builder.end(), destination(request, source))

    def knows(self, request, now):
        """Whether the request answers a challenge of ours rightly, for the first time."""
        for line in request.lines(b"authorization"):
            if line[:7].lower() != b"digest ":
                continue
            try:
                if self._is_right(read(line), request, now):
                    return True
            except (RemoteError, KeyError, ValueError):
                continue
        return False

    def _is_right(self, fields, request, now):
        nonce = fields["nonce"]
        algorithm = fields.get("algorithm", b"MD5").upper()
        if not equal(nonce, self._nonce(nonce[:12])):
            return False
        self._stale = not 0 <= ticks_diff(now, int(nonce[:8], 16)) < _NONCE_MS
        if self._stale:
            return False
        if fields["realm"] != self._realm or fields["qop"] != b"auth" or algorithm not in (b"SHA-256", b"MD5"):
            return False
        if fields["uri"] != request.uri:
            return False
        count = int(fields["nc"], 16)
        for known in self._counts:
            if known[0] == nonce and count <= known[1]:
                # said before: by whom, we cannot know, unless our answer was lost and it is the very same message
                return count == known[1] and known[2] == sha256(request.data).digest()
        password = self._users.get(fields["username"])
        secret = fields["username"] + b":" + self._realm + b":" + (password or self._secret)
        inner = digest(algorithm, request.method + b":" + request.uri)
        parts = [digest(algorithm, secret), nonce, fields["nc"], fields["cnonce"], b"auth", inner]
        right = equal(fields["response"].lower(), digest(algorithm, b":".join(parts))) and password is not None
        if right:
            self._counts = [known for known in self._counts if known[0] != nonce][-_NONCES + 1 :]
            self._counts.append((nonce, count, sha256(request.data).digest()))
        return right
