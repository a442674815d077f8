# What an application plays into a call, and what it keeps of one. Loaded with the first of these functions, which are
# methods of Call. May import audio, media, log and the parts.

import asyncio

from siplet.audio.clip import Clip, check
from siplet.errors import LocalError
from siplet.log import log
from siplet.sound.mixer import Mixer
from siplet.sound.parts import find, insert
from siplet.sound.recording import Recording

_WORDS = {"*": "star", "#": "hash", "+": "plus", ".": "point", ",": "point", "-": "minus"}


def _part(call, kind):
    # The call's part of a kind, in its stream; None when the call is over
    if call.state == "ended":
        return None
    if not call.stream:
        raise LocalError("the call has no sound yet")
    if isinstance(call.phone.sound, type):
        raise LocalError("a plain phone cannot do this: it wants sound.complete")
    part = find(call, kind)
    if part is None:
        for one in call.line.parts:  # from a former call: memory that is at hand
            if isinstance(one, kind):
                part = one
        if part is None:
            part = kind(call.phone.sound.options)
            call.line.parts.append(part)
        part.wanted = True
        insert(call, part)
    return part


async def _turn(call, place, work):
    # await work(), when it is our turn at the place; False when it was not to be
    ticket = [place]
    queue = place.queue
    queue.append(ticket)
    try:
        await call.until(lambda: ticket not in queue or queue[0] is ticket or call.state == "ended")
        return ticket in queue and call.state != "ended" and await work()
    finally:
        if ticket in queue:
            if queue[0] is ticket:
                place.stop()
            queue.remove(ticket)
        call.notify()  # the next one's turn


async def play(call, paths, mix=False, local=False):
    """Play a WAV file, or several one after the other (a list of paths), to the far end, or with local to who is here.

    mix: beside the microphone (or the far end's voice), not instead of it. What plays there already is waited for.
    Returns True when all was played, False when it was stopped or the call ended. LocalError, before anything is said,
    when a file cannot be played; see siplet.audio.clip for what can.
    """
    paths = [paths] if isinstance(paths, str) else list(paths)
    for path in paths:
        check(path)
    mixer = _part(call, Mixer)
    if mixer is None:
        return False
    place = (mixer.hears if local else mixer.says)[0]
    return await _turn(call, place, lambda: _play_all(mixer, place, paths, mix))


async def _play_all(mixer, place, paths, mix):
    following = None
    try:
        for i in range(len(paths)):
            clip = following or Clip(paths[i], mixer.rate)
            following = None
            try:
                clip.tune(mixer.rate)
                place.begin(clip, mix)
                if i + 1 < len(paths):  # opened while this one plays
                    following = Clip(paths[i + 1], mixer.rate)
                await place.done.wait()
            finally:
                clip.close()
            if not place.whole:
                return False
    finally:
        if following:
            following.close()
    return True


def stop_playing(call):
    """Stop all that plays in a call, and the tones that who is here hears before and after it."""
    progress = call.phone.handlers.get("ringing")
    if progress:
        progress.silence(call.audio)
    part = find(call, Mixer) if hasattr(call.stream, "parts") else None
    if part:
        part.stop()
        call.notify()


async def say(call, text, folder, mix=False, local=False):
    """Say a number from clips: folder/4.wav, folder/7.wav ... for "47" or 47; as play().

    * # + . - are star, hash, plus, point and minus; words between blanks are files of that name: "door 12 open".
    """
    paths = []
    for word in str(text).split():
        digits = all(c in "0123456789*#+.,-" for c in word)
        if not digits and ("/" in word or "\\" in word or word[0] == "."):
            raise LocalError("a word is the name of a file in the folder")
        for name in word if digits else (word,):
            paths.append(folder + "/" + _WORDS.get(name, name) + ".wav")
    return await play(call, paths, mix, local)


# -- tones


def _sound(call, name):
    # How a tone of that name sounds in the configured country; the name itself when it says how
    if "@" in name or "0" < name[:1] <= "9":
        return name
    from siplet.sound.local import tones

    return tones(call.phone.sound.options, name)


async def tone(call, name, ms=None, mix=False, local=False):
    """Sound "ringing", "busy", "congestion", "waiting", "information" or "beep" as the configured country has it, or
    what siplet.media.country_tones can write ("425@500,500"), for ms or until it is stopped. Else as play(), over it.
    """
    from siplet.media.cadence import Cadence

    mixer = _part(call, Mixer)
    if mixer is None:
        return False
    place = (mixer.hears if local else mixer.says)[1]
    sound = _sound(call, name)

    async def work():
        if ms is not None and ms <= 0:  # no time for it
            return True
        place.begin(Cadence(sound, mixer.rate), mix, 0 if ms is None else (ms + 19) // 20)
        await place.done.wait()
        return place.whole

    return await _turn(call, place, work)


async def beep(call, name="beep", ms=None, far=True, local=True):
    """A short tone beside what is said, to both sides or to one: that the call is recorded, or will end soon."""
    both = [tone(call, name, ms, True, is_local) for is_local in (False, True) if (local if is_local else far)]
    return all(await asyncio.gather(*both))


# -- recording


def record(call, path, both=True, channels=1, on_error=None):
    """Keep a call as a WAV file of 16-bit PCM at the call's rate: both sides, or with both=False the far end alone.

    channels: 2 keeps each side in its own, what is sent on the left. A recording under way ends. LocalError when the
    file cannot be written. A disk that is full or fails later ends it: a line of the log, and on_error(call).
    """
    if channels not in (1, 2):
        raise LocalError("one or two channels")
    part = _part(call, Recording)
    if part is None:
        raise LocalError("the call is over")
    part.record(path, both, channels)
    part.task = asyncio.create_task(_watch(call, part, path, on_error))


async def _watch(call, part, path, on_error):
    await part.over.wait()
    if part.failed:
        log(f"recording {path} ended: the disk is full or failed, or the heap is full")
        if on_error:
            on_error(call)


def stop_recording(call):
    """End the recording of a call; returns its length in seconds, 0 when there was none."""
    part = find(call, Recording) if hasattr(call.stream, "parts") else None
    if part is None or not part.busy:
        return 0
    part.stop()
    return part.seconds
