"""Speech of 16 kHz: G.722 beside ffmpeg's; calls with baresip and PJSIP, both ways, whose upper half is judged, too.

Each side says its clip once, and that is judged on both sides, by what the codec alone leaves of it: a call takes
nothing more. With baresip 1.0 it begins with the call. The newer peers spoil the begin of any call, also among
themselves, without siplet (what is said at once comes to 9 to 20 dB then instead of 23, in at least one direction):

* baresip 4 sends a re-INVITE when it was answered, and begins its decoder anew;
* PJSIP drops the first frames on the side that calls, and a decoder of G.722 needs 0.2 s to find its encoder again;
* PJSIP believes that G.722 has 14 bits: it says half the level and hears the double, until what it hears is so loud
  that this clips (PJMEDIA_G722_DEFAULT_PCM_SHIFT and ..._STOP_PCM_SHIFT_ON_CLIPPING).

PJSIP's jitter buffer holds pieces of 10 ms, where we send 20, and adds or drops one now and then although all packets
came in their turn; that it does among its own kind, too. So one such slip is let pass in what PJSIP recorded: it may
spoil one fifth of the clip, or two that lie side by side.

So with these some silence goes before the clips, and in ours a loud click, too short for anybody's level control.
"""

import array
import functools
import math
import os
import random
import shutil
import subprocess
import time

import baresip_new
import pjsua
import pytest
from driver import DOOR, INDOOR, need
from siplet.media.g722 import G722
from siplet_tools import baresip
from siplet_tools.process import wait_until
from siplet_tools.speech import compare
from siplet_tools.wav_file import read_wav, write_wav

RATE = 16000
TEXTS = {
    "door": ("en-gb", "Six packages of fresh fish, sir."),
    "indoor": ("en-us+f3", "Yes, just a second, please."),
}
HIGH = "4300-6700"  # Hz: what a call of 8 kHz has nothing of
WIDE = {"sound.complete": True, "sound.jitter_least_ms": 60}  # what is judged is speech, not a busy scheduler
BEFORE, CLICK, PAUSE, REST = 1, 0.01, 0.4, 15  # seconds: of silence, the click in it, between it and the clip; after it
END = 0.7  # seconds in which the end of a clip arrives


def missing(*names):
    absent = [name for name in names if not shutil.which(name)]
    return ", ".join(absent) + " not installed (make peers)" if absent else ""


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """The paths of what is said at the door and indoors, 16 kHz."""
    need(missing("espeak-ng", "sox"))
    folder = tmp_path_factory.mktemp("clips")
    paths = []
    for name, (voice, text) in TEXTS.items():
        path = str(folder / (name + ".wav"))
        speech = subprocess.run(
            ["espeak-ng", "-v", voice, "-s", "165", "--stdout", text], capture_output=True, check=True
        )
        sox = ["sox", "-D", "-t", "wav", "-", "-r", str(RATE), "-c", "1", "-b", "16", path, "highpass", "150"]
        subprocess.run([*sox, "gain", "-n", "-3"], input=speech.stdout, check=True)
        paths.append(path)
    return paths


def upper(path):
    """The samples of the upper half of the spectrum alone."""
    command = ["sox", "-D", path, "-t", "raw", "-e", "signed", "-b", "16", "-", "sinc", HIGH]
    return array.array("h", subprocess.run(command, capture_output=True, check=True).stdout)


@functools.cache
def alone(path):
    """What the codec alone leaves of a clip: Comparisons of it all, and of its upper half."""
    spoken = read_wav(path, RATE)
    frames = array.array("h", spoken)
    frames.extend([0] * (-len(frames) % 320 + 640))
    heard = path + ".g722.wav"
    write_wav(heard, array.array("h", ours(codes=ours(pcm=frames.tobytes()))), RATE)
    return compare(spoken, heard, RATE), compare(upper(path), upper(heard), RATE)


FIFTHS = 5


def fifths(spoken, recorded, rate):
    """The signal-to-noise ratio of each fifth of the clip, in dB."""
    place = compare(spoken, recorded, rate).offset_ms * rate // 1000
    size, room = len(spoken) // FIFTHS, rate // 10
    begins = range(0, size * FIFTHS, size)
    windows = [recorded[max(0, place + begin - room) : place + begin + size + room] for begin in begins]
    pieces = [spoken[begin : begin + size] for begin in begins]
    return [compare(piece, window, rate).snr_db for piece, window in zip(pieces, windows)]


def has_one_slip(found, least):
    """Whether the fifths that were `found` are as good as `least`, but for one place."""
    spoiled = [i for i in range(FIFTHS) if found[i] < least[i]]
    print("fifths:", *[f"{snr:.1f}" for snr in found])
    return not spoiled or spoiled[-1] - spoiled[0] <= 1


def judge(spoken, recorded, slips=False):
    """Both halves of the spectrum arrived, as good as the codec lets them. slips: of the one who recorded it."""
    whole, high = compare(spoken, recorded, RATE), compare(upper(spoken), upper(recorded), RATE)
    best, best_high = alone(spoken)
    print(os.path.basename(recorded), "whole:", whole, "\nabove 4 kHz:", high, "\nof", best, "\nand", best_high)
    assert whole.ok and whole.heard > 0.97
    if slips:
        least = [snr_db - 2 for snr_db in fifths(read_wav(spoken, RATE), read_wav(spoken + ".g722.wav", RATE), RATE)]
        assert has_one_slip(fifths(read_wav(spoken, RATE), read_wav(recorded, RATE), RATE), least)
    else:
        assert whole.snr_db > best.snr_db - 1
    assert high.heard > best_high.heard - 0.03 and high.correlation > best_high.correlation - 0.01
    assert high.gap_ms <= best_high.gap_ms + 20 and abs(high.level_db - best_high.level_db) < 0.5


def once(clip, folder, before, clicks):
    """(path, seconds until its end) of a file that says the clip once, `before` seconds after its begin."""
    samples = array.array("h", [0] * int(before * RATE))
    begin = int((before - PAUSE) * RATE)
    for i in range(int(CLICK * RATE) if clicks else 0):
        samples[begin + i] = int(30000 * math.sin(2 * math.pi * 1000 / RATE * i))
    samples.extend(read_wav(clip, RATE))
    seconds = len(samples) / RATE
    samples.extend([0] * (REST * RATE))
    os.makedirs(str(folder), exist_ok=True)
    path = os.path.join(str(folder), "once-" + os.path.basename(clip))
    write_wav(path, samples, RATE)
    return path, seconds


class Said:
    """What both sides say: door and indoor, paths; seconds: until the later one was said and has arrived."""

    def __init__(self, clips, folder, before):
        self.door, first = once(clips[0], folder, before, before > 0)
        self.indoor, second = once(clips[1], folder, before, False)
        self.seconds = max(first, second) + END


@pytest.fixture
def said(clips, tmp_path):
    return lambda before=0: Said(clips, tmp_path, before)


@pytest.fixture
def door(puppet, tmp_path):
    """door(path, **options): a siplet phone that says that file of 16 kHz; `heard` is what it hears."""

    def start(says, **options):
        heard = str(tmp_path / "heard-at-door.wav")
        options.setdefault("audio", {"play": says, "record": heard})
        options.setdefault("sound", WIDE)
        phone = puppet(**options)
        phone.heard = heard
        return phone

    return start


def at_door(phone):
    return f"sip:door@127.0.0.1:{phone.port}"


def finish(phone, call, seconds, end):
    """Let both speak for so long, and end the call: all that was sent came, in its turn, and was understood."""
    time.sleep(seconds)
    stats = phone.do("stats", call=call)
    end()
    print(stats)
    assert stats["sent"] > seconds * 45 and stats["received"] > seconds * 45
    assert all(stats[name] == 0 for name in ("lost", "late", "duplicate", "bad", "foreign"))
    assert phone.do("state")["faults"] == 0


def hears(phone, call, packets=20):
    """Wait until that many packets more have come and gone."""

    def counts():
        stats = phone.do("stats", call=call)
        return stats["sent"], stats["received"]

    before = counts()
    wait_until(lambda: min(a - b for a, b in zip(counts(), before)) > packets, 3, "speech both ways")


# -- the codec alone


def ours(pcm=None, codes=None):
    codec = G722()
    out = bytearray()
    packet, frame = bytearray(160), bytearray(640)
    for at in range(0, len(pcm or codes), 640 if pcm else 160):
        if pcm:
            frame[:] = pcm[at : at + 640]
            codec.encode(160, frame, packet, 0)
            out += packet
        else:
            codec.decode(160, codes, frame, at)
            out += frame
    return bytes(out)


def ffmpeg(data, *arguments):
    command = ["ffmpeg", "-v", "error", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def test_speech_is_encoded_and_decoded_to_the_bit_as_ffmpeg_does(clips):
    need(missing("ffmpeg"))
    for path in clips:
        pcm = read_wav(path, RATE)[: 100 * 320].tobytes()
        codes = ffmpeg(pcm, "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "-", "-f", "g722", "-")
        assert ours(pcm=pcm) == codes
        assert ours(codes=codes) == ffmpeg(codes, "-f", "g722", "-i", "-", "-f", "s16le", "-")


def test_codes_at_random_are_decoded_to_the_bit_as_ffmpeg_does():
    need(missing("ffmpeg"))
    codes = random.Random(722).randbytes(160 * 50)
    assert ours(codes=codes) == ffmpeg(codes, "-f", "g722", "-i", "-", "-f", "s16le", "-")


# -- calls


def baresip_old(started, folder, **options):
    need(baresip.missing())
    return started(baresip.Baresip(folder, **options))


def test_we_call_baresip_and_both_hear_more_than_a_telephone(started, clips, said, door, tmp_path):
    speech = said()
    indoor = baresip_old(started, tmp_path / "indoor", says=speech.indoor, codecs="G722/16000,PCMA", rate=RATE)
    phone = door(speech.door)
    call = phone.do("call", target=indoor.uri)["call"]
    indoor.wait_event("CALL_INCOMING")
    indoor.command("accept")
    phone.event("up", call=call)
    finish(phone, call, speech.seconds, lambda: phone.do("hangup", call=call))
    indoor.wait_event("CALL_CLOSED")
    judge(clips[1], phone.heard)
    judge(clips[0], indoor.heard())


def test_baresip_calls_us_and_both_hear_more_than_a_telephone(started, clips, said, door, tmp_path):
    speech = said()
    indoor = baresip_old(started, tmp_path / "indoor", says=speech.indoor, codecs="PCMA,G722/16000", rate=RATE)
    phone = door(speech.door)
    indoor.command("dial", at_door(phone))
    call = phone.event("incoming")["call"]
    phone.do("answer", call=call)
    phone.event("up", call=call)
    finish(phone, call, speech.seconds, lambda: phone.do("hangup", call=call))
    indoor.wait_event("CALL_CLOSED")
    judge(clips[1], phone.heard)
    judge(clips[0], indoor.heard())


def judge_narrow(spoken, recorded, quarters, snr_db, slips=False):
    """What went through our filters between 8 and 16 kHz; quarters: of a sample of 8 kHz, by which they delay it."""

    def band(path, rate):  # that all of them let pass
        command = ["sox", "-D", path, "-r", str(rate), "-t", "raw", "-e", "signed", "-b", "16", "-", "sinc", "200-3000"]
        return array.array("h", subprocess.run(command, capture_output=True, check=True).stdout)

    clip, heard = band(spoken, 32000)[-quarters % 4 :: 4], band(recorded, 8000)
    found = compare(clip, heard)
    print(os.path.basename(recorded), found)
    assert found.ok and found.heard > 0.97
    assert has_one_slip(fifths(clip, heard, 8000), [snr_db - 2] * FIFTHS) if slips else found.snr_db > snr_db


def test_a_baresip_that_lacks_it_is_spoken_with_as_ever(started, clips, said, door, tmp_path):
    speech = said()
    indoor = baresip_old(started, tmp_path / "indoor", says=INDOOR, codecs="PCMA")
    phone = door(speech.door)
    call = phone.do("call", target=indoor.uri)["call"]
    indoor.wait_event("CALL_INCOMING")
    indoor.command("accept")
    phone.event("up", call=call)
    finish(phone, call, max(len(read_wav(INDOOR)) / 8000 + END, speech.seconds), lambda: phone.do("hangup", call=call))
    indoor.wait_event("CALL_CLOSED")
    judge_narrow(INDOOR, phone.heard, 0, 25)  # a file of 8 kHz
    judge_narrow(clips[0], indoor.heard(), 3, 25)


def test_audio_that_knows_8_khz_alone_speaks_g722_through_the_adapter(started, clips, said, door, tmp_path):
    speech = said()
    indoor = baresip_old(started, tmp_path / "indoor", says=speech.indoor, codecs="G722/16000", rate=RATE)
    heard = str(tmp_path / "heard-at-door.wav")
    sound = {"sound.complete": True, "sound.wideband_speech": True}
    phone = door(None, audio={"play": DOOR, "record": heard}, sound=sound)
    call = phone.do("call", target=indoor.uri)["call"]
    indoor.wait_event("CALL_INCOMING")
    indoor.command("accept")
    phone.event("up", call=call)
    finish(phone, call, speech.seconds, lambda: phone.do("hangup", call=call))
    indoor.wait_event("CALL_CLOSED")
    judge_narrow(DOOR, indoor.heard(), 1, 23)
    judge_narrow(clips[1], heard, 3, 23)


def connect(phone, other):
    call = phone.do("call", target=other.uri)["call"]
    theirs = other.incoming()
    other.answer(theirs)
    phone.event("up", call=call)
    other.up(theirs)
    return call, theirs


KINDS = {
    "pjsua": (pjsua, pjsua.Pjsua, ("G722/16000", "PCMA/8000"), ("PCMA/8000", "G722/16000")),
    "baresip_new": (baresip_new, baresip_new.BaresipNew, ("g722/16000", "pcma"), ("pcma", "g722/16000")),
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("first", [0, 1])
def test_a_call_each_way_with(started, clips, said, door, tmp_path, kind, first):
    module, peer, *orders = KINDS[kind]
    need(module.missing())
    speech = said(BEFORE)
    other = started(peer(tmp_path / "indoor", says=speech.indoor, codecs=orders[first], rate=RATE))
    phone = door(speech.door)
    if first:
        theirs = other.dial(at_door(phone))
        call = phone.event("incoming")["call"]
        phone.do("answer", call=call)
        phone.event("up", call=call)
        other.up(theirs)
    else:
        call, theirs = connect(phone, other)
    finish(phone, call, speech.seconds, lambda: phone.do("hangup", call=call))
    other.over(theirs)
    judge(clips[1], phone.heard)
    judge(clips[0], other.heard(theirs), kind == "pjsua")


def test_pjsip_without_it_is_spoken_with_as_ever(started, clips, said, door, tmp_path):
    need(pjsua.missing())
    speech = said(BEFORE)
    other = started(pjsua.Pjsua(tmp_path / "indoor", says=INDOOR))
    phone = door(speech.door)
    call, theirs = connect(phone, other)
    finish(phone, call, max(len(read_wav(INDOOR)) / 8000 + END, speech.seconds), lambda: phone.do("hangup", call=call))
    other.over(theirs)
    judge_narrow(INDOOR, phone.heard, 0, 25)
    judge_narrow(clips[0], other.heard(theirs), 3, 25, True)


def finish_later(phone, call, speech, before, begin, changes=0):
    """The end of a call in which all changes came before the clips. A peer says its clip up to a second after ours: it
    does not read on while it is on hold. changes: of the codec; what is on its way then is of none that is agreed on.
    """
    assert time.monotonic() - begin < before - BEFORE
    time.sleep(speech.seconds + 1 - (time.monotonic() - begin))
    stats = phone.do("stats", call=call)
    phone.do("hangup", call=call)
    print(stats)
    # What was under way in the old codec as it changed is refused, and so its numbers are missing
    assert all(stats[name] == 0 for name in ("late", "duplicate", "foreign"))
    assert stats["lost"] <= stats["bad"] <= changes
    assert phone.do("state")["faults"] == 0


def test_hold_and_back_in_16_khz(started, clips, said, door, tmp_path):
    need(pjsua.missing())
    speech = said(4)
    other = started(pjsua.Pjsua(tmp_path / "indoor", says=speech.indoor, codecs=("G722/16000",), rate=RATE))
    phone = door(speech.door)
    call, theirs = connect(phone, other)
    begin = time.monotonic()
    for holds, resumes in (
        (lambda: phone.do("hold", call=call), lambda: phone.do("resume", call=call)),
        (lambda: other.hold(theirs), lambda: other.resume(theirs)),
    ):
        holds()
        time.sleep(0.3)
        resumes()
        hears(phone, call)
    finish_later(phone, call, speech, 4, begin)
    other.over(theirs)
    judge(clips[1], phone.heard)
    judge(clips[0], other.heard(theirs), True)


def test_a_call_that_becomes_narrow_and_wide_again_on_the_way(started, clips, said, door, tmp_path):
    need(pjsua.missing())
    speech = said(5)
    codecs = ("G722/16000", "PCMA/8000")
    other = started(pjsua.Pjsua(tmp_path / "indoor", says=speech.indoor, codecs=codecs, rate=RATE))
    phone = door(speech.door)
    call, theirs = connect(phone, other)
    begin = time.monotonic()
    for codecs in (("PCMA/8000",), ("G722/16000", "PCMA/8000")):
        time.sleep(0.5)
        other.do("codecs", codecs=codecs)
        other.hold(theirs)
        time.sleep(0.3)
        other.resume(theirs)
        time.sleep(0.5)
        answer = first_formats(phone.trace)[-1]
        assert answer == ("8" if codecs[0][0] == "P" else "9")
    finish_later(phone, call, speech, 5, begin, 2)
    other.over(theirs)
    judge(clips[1], phone.heard)
    judge(clips[0], other.heard(theirs), True)


def first_formats(trace):
    """The first format of each description that siplet sent, in a row."""
    with open(trace, encoding="utf-8", errors="replace") as file:
        messages = file.read().split("\n>>> ")[1:]
    lines = [line for message in messages for line in message.split("\n<<< ")[0].splitlines()]
    return [line.split()[3] for line in lines if line.startswith("m=audio")]
