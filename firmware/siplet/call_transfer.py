# A call is handed on: transfer, REFER (RFC 3515), as RFC 5589 has it. Functions of Call, loaded when one is used. May
# import errors, platform and, in its functions, the modules of sip/ that they stand for.

from siplet import platform
from siplet.errors import CallLost, CallRejected, CallTimeout, LocalError


async def transfer(call, target, timeout_ms=180_000):
    """Let the far end call target (a sip: URI, or a number at our registrar) instead of us (RFC 5589 section 6).

    Returns when it got through, or does not tell; the call is over then. Raises CallRejected when it refused or did not
    get through, CallTimeout: then the call goes on. CallLost when the call ended meanwhile, LocalError when not up.
    """
    if ":" not in target:
        target = f"sip:{target}@" + call.phone.address.split("@")[-1]
    await _transfer(call, target.encode(), timeout_ms)


async def transfer_to(call, other, timeout_ms=180_000):
    """Connect the far ends of two calls of ours (attended transfer); both are over then. As transfer()."""
    from siplet.sip import replaces

    if other.state != "up":
        raise LocalError("the other call is not up")
    await _transfer(call, replaces.target(other.session, other.remote.encode()), timeout_ms)


async def _transfer(call, target, timeout_ms):
    from siplet.sip.refer import refer

    call.transferred = 0
    try:
        one = refer(call.session, target, platform.now())
    finally:
        call.phone.pump()
    try:
        done = await call.until(lambda: call.transferred >= 200 or call.state == "ended", timeout_ms)
    finally:
        one.alive = False  # nobody waits for it any more
    if call.transferred < 200:
        if done:
            raise CallLost(call.status, call.reason)
        raise CallTimeout(408, "no word of the transfer")
    if call.transferred >= 300:
        raise CallRejected(call.transferred, "the transfer failed")
    await call.hangup()
