# Digest authentication of a client, at registrars, proxies and other phones. RFC 3261 section 22, RFC 2617, 7616, 8760.
# May import: limits, errors, sip.header, sip.md5.
#
# realm, nonce and opaque stay as they came between their quotes, backslashes and all: so they are hashed, and so they
# are sent back (the `unq()` of RFC 7616 3.4 takes off quotes only). The password is kept in clear, because a new
# realm needs it; it stands in no message, no repr and no error.

try:
    from hashlib import md5
except ImportError:
    md5 = None
from binascii import b2a_base64, hexlify
from hashlib import sha256

from siplet.errors import RemoteError
from siplet.limits import CHALLENGE, REALMS
from siplet.sip.header import split

# What an answer says, in this order: three of them not quoted (RFC 7616 3.4), and the last three only with qop
_FIELDS = b"username realm nonce uri response opaque algorithm qop nc cnonce"


def digest(algorithm, data):
    """The hexadecimal digest, bytes; algorithm: b"SHA-256", else MD5."""
    if algorithm == b"SHA-256":
        return hexlify(sha256(data).digest())
    if md5:
        return hexlify(md5(data).digest())
    from siplet.sip.md5 import md5 as small

    return hexlify(small(data))


def read(line):
    """{name: value} of a Digest challenge or answer: lower-case str, bytes without quotes. RemoteError, ValueError."""
    fields = {}
    for item in split(line[7:]):
        name, _, value = item.partition(b"=")
        value = value.strip()
        fields[name.strip().lower().decode()] = value[1:-1] if value[:1] == b'"' else value
    return fields


class Credentials:
    """Who we are, and every realm that has asked so far. random(n) gives n random bytes."""

    def __init__(self, user, password, random):
        self._user = user
        self._password = password
        self._random = random
        self._realms = []  # [(proxy, realm), algorithm, digest of the secret, qop, nonce, opaque, uses of the nonce]

    def challenged(self, response, tried):
        """Learns the challenges of a 401 or 407; whether the request may be sent again, with a new CSeq and branch.

        The first challenge of each realm whose algorithm (SHA-256, MD5) and qop are known is taken (RFC 8760 2.3).
        tried: a list that belongs to the request, empty at first. A realm that has our answer and asks again has
        refused it, unless it says that only the nonce was stale, which is believed twice.
        """
        proxy = response.status == 407
        good = True
        seen = []
        for line in response.lines(b"proxy-authenticate" if proxy else b"www-authenticate"):
            # No honest server asks with a kilobyte, or in one more realm each time: our answer would repeat it all.
            if line[:7].lower() != b"digest " or len(line) > CHALLENGE or len(tried) > 3 * REALMS:
                continue
            try:
                fields = read(line)
                options = split(fields.get("qop", b"").lower())
            except (RemoteError, ValueError):
                continue
            algorithm = fields.get("algorithm", b"MD5").upper()
            realm = fields.get("realm")
            qop = b"auth" if b"auth" in options else b"auth-int" if b"auth-int" in options else b""
            if realm is None or realm in seen or "nonce" not in fields or (options and not qop):
                continue
            if algorithm != b"MD5" and algorithm != b"SHA-256":
                continue
            seen.append(realm)
            key = (proxy, realm)
            times = tried.count(key)
            tried.append(key)
            uses = 0  # of a nonce that another request was told, too: the count goes on (RFC 7616 3.4)
            for known in self._realms:
                if known[0] == key and known[4] == fields["nonce"]:
                    uses = known[6]
            self._realms = [known for known in self._realms if known[0] != key][-REALMS + 1 :]
            if times and (times > 2 or fields.get("stale", b"").lower() != b"true"):
                good = False
                continue
            secret = self._user.encode() + b":" + realm + b":" + self._password.encode()
            secret = digest(algorithm, secret)
            self._realms.append([key, algorithm, secret, qop, fields["nonce"], fields.get("opaque"), uses])
        return good and bool(seen)

    def authorize(self, builder, method, uri, body=b""):
        """Adds Authorization and Proxy-Authorization for every realm known; uri: the Request-URI, bytes."""
        for known in self._realms:
            known[6] += 1
            (proxy, realm), algorithm, secret, qop, nonce, opaque, count = known
            inner = method + b":" + uri
            if qop == b"auth-int":
                inner += b":" + digest(algorithm, bytes(body))
            parts = [secret, nonce, digest(algorithm, inner)]
            tail = []
            if qop:
                tail = [qop, f"{count:08x}".encode(), b2a_base64(self._random(9))[:-1]]
                parts[2:2] = [tail[1], tail[2], qop]
            user = self._user.replace("\\", "\\\\").replace('"', '\\"')
            values = [user, realm, nonce, uri, digest(algorithm, b":".join(parts)), opaque, algorithm] + tail
            names = _FIELDS.split()
            # Piece by piece, because a list of them all would be the largest object of the whole request
            builder.part(b"Proxy-Authorization: Digest " if proxy else b"Authorization: Digest ")
            for i in range(len(values)):
                if values[i] is not None:
                    mark = b"" if 6 <= i <= 8 else b'"'
                    for part in (b", " if i else b"", names[i], b"=", mark, values[i], mark):
                        builder.part(part)
            builder.line()
