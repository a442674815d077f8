# What few calls need: methods of Call that are loaded with the first one used. May import platform and, in its
# functions, the modules of sip/ that they stand for.

from siplet import platform


async def send_digits(call, digits, form=None, ms=160, timeout_ms=10_000):
    """Press keys. form: "info" (INFO), "rtp" (RFC 4733), None: by RTP where that was agreed, else by INFO.

    Returns True when each was taken; an INFO is tried as dtmf-relay first, then as application/dtmf, and each is waited
    for at most timeout_ms.
    """
    if form is None:
        form = "rtp" if call.line.agreed and call.line.agreed.dtmf >= 0 else "info"
    for digit in digits:
        if call.state != "up" or not call.stream:
            return False
        if form == "rtp":
            if not call.stream.send_digit(digit, ms):
                return False
            await platform.sleep_ms(ms + 100)
        elif not await _send_info(call, digit, ms, timeout_ms):
            return False
    return True


async def _send_info(call, digit, ms, timeout_ms):
    from siplet.sip.info import PLAIN, RELAY
    from siplet.sip.info_body import body

    for form in (RELAY, PLAIN):
        if call.state != "up":
            break
        call.infos.clear()
        call.session.send_info(*body(digit, ms, form), platform.now())
        call.phone.pump()
        if not await call.until(lambda: call.infos or call.state == "ended", timeout_ms) or not call.infos:
            return False
        if call.infos[0] != 415:
            return call.infos[0] < 300
    return False
