# A REGISTER that failed: when to try again, and what differently. RFC 3261 section 10.2.8; RFC 3263 4.3; RFC 5626 4.5.
# Loaded with the first failure. Imports header syntax, limits and ticks.

from siplet.errors import RemoteError
from siplet.limits import RETRY_BASE, RETRY_REFUSED, RETRY_TOP
from siplet.sip.header import integer
from siplet.sip.uri import Uri
from siplet.ticks import ticks_add, ticks_diff

_DAY = 86400
_MENDED_BY_TIME = (408, 480, 500, 502, 503, 504, 600)


def fail(registration, status, response, now):
    """A Registration's REGISTER got this final status, with a response or without: wait, or ask anew at once."""
    if status == 423 and _lengthen(registration, response):
        registration.send(now)
        return
    endpoint = registration.endpoint
    if (
        status in (408, 503)
        and endpoint.another
        and endpoint.another(Uri(registration.hop or registration.uri).destination())
    ):
        registration.send(now)  # RFC 3263 4.3
        return
    if registration.spares and registration.spares.failed(registration, status, now):
        registration.send(now)
        return
    registration.failures += 1
    wait = RETRY_REFUSED
    if status in _MENDED_BY_TIME or status < 300 or status == 423:
        wait = min(RETRY_BASE << min(registration.failures - 1, 8), RETRY_TOP)
    # Half of it fixed, half by chance (RFC 5626 4.5): after a power cut the whole house does not call at once.
    wait = wait // 2 + (wait // 2) * registration.endpoint.random(1)[0] // 255
    try:
        after = response.header(b"retry-after") if response else None
        if after:
            wait = max(wait, integer(after, _DAY) * 1000)
    except RemoteError:
        pass  # what cannot be read asks for nothing
    if registration.lapse is not None and ticks_diff(now, registration.lapse) >= 0:
        registration.lapse = None
    registration.deadline = ticks_add(now, wait)
    registration.to("failed", status)


def _lengthen(registration, response):
    # 423 (10.2.8): the registrar wants at least Min-Expires. Asked once more only when that is really longer.
    try:
        least = integer(response.header(b"min-expires") or b"", _DAY)
    except RemoteError:
        return False
    if least <= registration.expires:
        return False
    registration.expires = least
    return True
