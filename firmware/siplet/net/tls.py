# TLS round a TCP connection as client, checked or not at all: RFC 3261 26.3.1. May import platform, and tls_cpython on
# CPython. Options are a dict:
#
#     ca        the authority's certificate: the path of a file, or its bytes; PEM or DER, several in PEM
#     pin       the SHA-256 fingerprint of the server's own certificate, 64 hex digits, colons allowed
#     insecure  True: encrypt, but ask nobody who it is
#
# With ca the chain, the dates and the name are checked; with pin the fingerprint, which alone is enough; with both,
# both. With neither there is no connection. Nothing is sent before the check, and nothing ever goes on without TLS
# instead.
#
# MicroPython's handshake is done by the first writes. A board computes for up to a second then, and its sound stops
# that long; its clock has to be set, or no certificate is valid yet. It knows no PEM everywhere, so it gets DER.
# What its stubs do not know is here on purpose.
# pyright: reportAttributeAccessIssue=false

from binascii import a2b_base64, hexlify
from hashlib import sha256

from siplet.net.tcp import reason
from siplet.platform import MICROPYTHON

if MICROPYTHON:

    def _wrap(sock, name, authorities, look):
        import tls

        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        for certificate in authorities:
            context.load_verify_locations(certificate)
        context.verify_mode = tls.CERT_REQUIRED if authorities else tls.CERT_OPTIONAL if look else tls.CERT_NONE
        if look:
            context.verify_callback = look
        return context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)

else:
    from siplet.net.tls_cpython import wrap as _wrap


def problem(options):
    """What keeps these options (a dict, or None) from checking a server, as one line; "" when nothing does."""
    options = options or {}
    for key in options:
        if key not in ("ca", "pin", "insecure"):
            return f"there is no option {key}"
    pin = options.get("pin")
    if pin and len(_digits(pin)) != 64:
        return "pin must be the 64 hex digits of a SHA-256 fingerprint"
    if not pin and not options.get("ca") and options.get("insecure") is not True:
        return "configure its authority's certificate (ca) or its fingerprint (pin), to know the server by"
    return ""


def der(data, kind=b"CERTIFICATE"):
    """[bytes, ...]: the blocks of that kind in a PEM text as DER; what is no PEM is DER already. ValueError."""
    if b"-----BEGIN " not in data:
        return [data]
    parts = data.split(b"-----")
    return [a2b_base64(parts[i + 1]) for i in range(1, len(parts) - 1, 4) if parts[i] == b"BEGIN " + kind]


class Tls:
    """The client's side of one connection. stream: what to read from and to write to.

    sock: a socket that is connected, or about to be; name: whom we want to reach, str. OSError or ValueError, here and
    at every read and write of stream, when the server is not whom we want: reason() says it in words.
    """

    def __init__(self, sock, name, options):
        options = options or {}
        self._pin = _digits(options.get("pin") or "")
        self._found = ""
        text = problem(options)
        if text:
            raise ValueError(text)
        authorities = []
        ca = options.get("ca")
        if ca:
            if isinstance(ca, str):
                with open(ca, "rb") as file:
                    ca = file.read()
            authorities = der(ca)
            if not authorities:
                raise ValueError("ca holds no certificate")
        self.stream = _wrap(sock, name, authorities, self._look if self._pin else None)

    def check(self):
        """After the first write: ValueError when the fingerprint was to be looked at, and was not."""
        if self._pin and self._found != self._pin:
            raise ValueError("this interpreter does not show the certificate, so pin cannot be checked")

    def reason(self, error):
        """An exception of this connection in a few words."""
        if self._found != self._pin and self._found:
            return "the server's certificate has another fingerprint: " + self._found
        text = getattr(error, "verify_message", "") or reason(error)
        text = ", ".join([line for line in text.split("\n") if line])
        return text + " (is the clock set?)" if "future" in text or "not yet valid" in text else text

    def _look(self, certificate, depth=0):
        # What mbedtls wants to hear of each certificate, the server's own at depth 0: 0 when all is well. Never raises
        if depth:
            return 0
        self._found = hexlify(sha256(certificate).digest()).decode()
        return 0 if self._found == self._pin else -0x3000


def _digits(pin):
    return "".join([c for c in pin.lower() if c in "0123456789abcdef"])
