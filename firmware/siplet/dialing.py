# Pressing keys in a call. Loaded when the first one is pressed. May import platform, and of sip/ info_body.

from siplet import platform
from siplet.sip.info import PLAIN, RELAY
from siplet.sip.info_body import body


async def send_digits(call, digits, form, ms, timeout_ms):
    """See Call.send_digits."""
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
    for form in (RELAY, PLAIN):
        if call.state != "up":
            break
        call.infos.clear()
        call.send_info(*body(digit, ms, form))
        if not await call.until(lambda: call.infos or call.state == "ended", timeout_ms) or not call.infos:
            return False
        if call.infos[0] != 415:
            return call.infos[0] < 300
    return False
