# What few calls need: methods of Call that are loaded with the first one used. May import platform and, in its
# functions, the modules of sip/ that they stand for.


from siplet import platform
from siplet.errors import CallCancelled, CallLost, CallRejected, CallTimeout, LocalError
from siplet.sip.header import uri_of
from siplet.ticks import ticks_add, ticks_diff


async def send_digits(call, digits, form=None, ms=160, timeout_ms=10_000):
    """Press keys. form: "rtp" (RFC 4733), "info" (INFO), "tones" (in the sound), None: as sound.keys_are_sent_as says.

    That is "auto" without it: by RTP where that was agreed, else by INFO, else, when INFO is refused, as tones. Returns
    True when each was taken; an INFO is tried as dtmf-relay first, then as application/dtmf, and each is waited for at
    most timeout_ms. False when the call is not up. LocalError, before anything is sent: a key or a form is none, or
    tones are asked of a phone without sound.complete.
    """
    if any(len(digit) != 1 or digit.upper() not in "0123456789*#ABCD" for digit in digits):
        raise LocalError("keys are 0-9 * # A-D")
    if form not in (None, "auto", "rtp", "info", "tones"):
        raise LocalError("a key is sent as rtp, info or tones")
    if call.state != "up":
        return False
    options = getattr(call.phone.sound, "options", None)
    form = form or (options and options.get("sound.keys_are_sent_as")) or "auto"
    auto = form == "auto"
    if auto:
        form = "rtp" if call.line.agreed and call.line.agreed.dtmf >= 0 else "info"
    for i, digit in enumerate(digits):
        if call.state != "up" or not call.stream:
            return False
        if form == "tones":
            return await _send_tones(call, digits[i:], ms)
        if form == "rtp":
            if not call.stream.send_digit(digit, ms):
                return False
            await platform.sleep_ms(ms + 100)
        elif not await _send_info(call, digit, ms, timeout_ms):
            refused = auto and options is not None and call.infos and call.infos[0] >= 300
            if not refused or call.state != "up" or not call.stream:
                return False
            return await _send_tones(call, digits[i:], ms)
    return True


async def _send_tones(call, digits, ms):
    from siplet.sound.keying import send

    return await send(call, digits, ms)


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


# -- hold


async def hold(call, timeout_ms=10_000):
    """Put the far end on hold (RFC 3264 8.4): it hears silence, or what play() says, and we hear nothing.

    Returns when it has agreed. Raises CallRejected when it refused and CallTimeout when it did not answer: the call
    goes on as before. CallLost when the call ended meanwhile, LocalError when it is not up.
    """
    await _change(call, "sendonly", timeout_ms)


async def resume(call, timeout_ms=10_000):
    """The end of hold(); as hold()."""
    await _change(call, "sendrecv", timeout_ms)


async def _change(call, direction, timeout_ms):
    from siplet.sip.reinvite import change, changing

    deadline = ticks_add(platform.now(), timeout_ms)
    while call.state == "up" and changing(call.session):  # a refresh, say; of which nobody tells us
        if ticks_diff(deadline, platform.now()) <= 0:
            raise CallTimeout(408, "another change is under way")
        await platform.sleep_ms(20)
    if call.on_hold == (direction != "sendrecv") and call.state == "up":
        return
    one = change(call.session, platform.now(), direction)
    try:
        call.phone.pump()
        wait = max(0, ticks_diff(deadline, platform.now()))
        if not await call.until(lambda: one.status or call.state == "ended", wait):
            raise CallTimeout(408, "no answer")
    except BaseException:  # time over, or our task was cancelled: nobody waits for it any more
        one.cancel(platform.now())
        call.phone.pump()
        raise
    if call.state == "ended":
        raise CallLost(call.status, call.reason)
    if one.status >= 300:
        raise CallRejected(one.status, _text(one.reason))


def _on_changed(call, on_hold):
    # Who is on hold does not hear our microphone; after it what the application wanted holds again
    stream = call.stream
    if stream and on_hold != call.on_hold:
        if on_hold:
            call.was_muted = stream.muted
        stream.muted = on_hold or call.was_muted
    call.on_hold = on_hold


async def send_message(call, text, timeout_ms=32_000):
    """Send a short text to the far end, inside the call; as phone.send_message()."""
    from siplet.texts import send

    return await send(call.phone, None, text, timeout_ms, None, call)


# -- before the answer


async def progress(call):
    """Let the caller hear us before the call is answered, without answering it (183): an announcement, say.

    Raises CallCancelled when it is over already, LocalError when the caller has not said where it listens.
    """
    from siplet.sip.progress import progress as say

    if not say(call.session, platform.now()):
        raise CallCancelled(call.status or 487, call.reason)
    call.phone.pump()


# -- prompts, tones and recordings: siplet.sound.prompts has them and their documents


def play(call, paths, mix=False, local=False):
    """await it: play WAV files to the far end, or to who is here; True when all was played."""
    return _prompts().play(call, paths, mix, local)


def say(call, text, folder, mix=False, local=False):
    """await it: say a number from a folder of clips, 0.wav to 9.wav."""
    return _prompts().say(call, text, folder, mix, local)


def tone(call, name, ms=None, mix=False, local=False):
    """await it: sound "busy", "ringing" ... of the configured country, or "425@480,480"."""
    return _prompts().tone(call, name, ms, mix, local)


def beep(call, name="beep", ms=None, far=True, local=True):
    """await it: a short tone beside what is said."""
    return _prompts().beep(call, name, ms, far, local)


def stop_playing(call):
    """Stop all of these."""
    _prompts().stop_playing(call)


def record(call, path, both=True, channels=1, on_error=None):
    """Keep the call as a WAV file."""
    _prompts().record(call, path, both, channels, on_error)


def stop_recording(call):
    """End that; returns its seconds."""
    return _prompts().stop_recording(call)


def _prompts():
    from siplet.sound import prompts

    return prompts


# -- how good it is


def quality(call):
    """What is known of how the call sounds, at both ends: a flat dict; see siplet.sound.record.describe.

    After the call it is that of the whole call, and stays; {} when memory failed for it. None before there was sound;
    LocalError without RTCP.
    """
    if not call.stats:
        return None
    known = call.__dict__.get("reports")
    if known is None:
        raise LocalError("the phone's sound is plain, or sound.reports_of_quality is false")
    return known if isinstance(known, dict) else known.record()


def is_encrypted(call):
    """Whether what is said and heard is ciphered on its way to the next server, or to the far end: SRTP."""
    return bool(call.stream and getattr(call.stream, "cipher", None))


def _text(value):
    try:
        return value.decode()
    except UnicodeError:
        return bytes([c for c in value if c < 128]).decode()


def header(call, name):
    """The value of a header of the INVITE of an incoming call, str, or None. Anybody may have written it: trusted()."""
    value = call.request.header(name.lower().encode()) if call.request else None
    return None if value is None else _text(value)


def trusted(call):
    """Whether an incoming call came from one of our servers, which are asked to know who calls."""
    return bool(call.request) and call.request.source[0] in call.phone.server_addresses()


def _told(call, ask, anyone):
    # what a function of sip/identity says of the INVITE, None when nobody trusted has written it
    if call.request and (anyone or trusted(call)):
        from siplet.sip import identity

        return getattr(identity, ask)(call.request)
    return None


def identity(call, anyone=False):
    """The URI of who calls, str, as our server asserts it (P-Asserted-Identity, Remote-Party-ID), or None.

    call.remote is what the caller says of itself. anyone: believe it whoever sends it, here and below.
    """
    found = _told(call, "asserted", anyone)
    return found and _text(found[0])


def display_name(call, anyone=False):
    """The name of who calls, str, as our server asserts it; None when it does not."""
    found = _told(call, "asserted", anyone)
    return (found and _text(found[1])) or None


def diverted_from(call, anyone=False):
    """The URI, str, that was called before the call was sent on to us (Diversion, History-Info), or None."""
    found = _told(call, "diverted", anyone)
    return found and _text(found)


def answer_after(call, anyone=False):
    """The seconds, 0 to 3600, after which this call wants to be answered by itself (Alert-Info, Call-Info), or None."""
    return _told(call, "answer_after", anyone)


# -- transfer: siplet.call_transfer has it and its documents


def transfer(call, target, timeout_ms=180_000):
    """await it: let the far end call target instead of us."""
    from siplet.call_transfer import transfer as hand_on

    return hand_on(call, target, timeout_ms)


def transfer_to(call, other, timeout_ms=180_000):
    """await it: connect the far ends of two calls of ours."""
    from siplet.call_transfer import transfer_to as hand_on

    return hand_on(call, other, timeout_ms)


def on_event(call, event):
    """Take an Event of the kinds that few calls see."""
    kind = event.kind
    if kind == "changed":
        if event.status < 300:
            _on_changed(call, event.data != "sendrecv")
    elif kind == "transfer":
        call.transferred = event.status
    elif kind == "refer":
        from siplet.following import follow

        follow(call, event.data, _text)
    elif kind == "replaced":
        call.session = event.source
        call.remote = _text(uri_of(event.source.dialog.remote))
