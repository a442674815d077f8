"""Speech of 16 kHz: G.722 beside ffmpeg's; calls with baresip and PJSIP, both ways, whose upper half is judged, too."""

import array
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
from siplet_tools.speech import compare, read_wav

RATE = 16000
TEXTS = {
    "door": ("en-gb", "Six packages of fresh fish, sir."),
    "indoor": ("en-us+f3", "Yes, just a second, please."),
}
HIGH = "4300-6700"  # Hz: what a call of 8 kHz has nothing of
WIDE = {"sound.complete": True}


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


def found(spoken, recorded, good):
    """The Comparison of the first round of the clip that is good, else of the last one: some are cut off by an end."""
    for _ in range(4):
        place = compare(spoken, recorded)
        if good(place):
            break
        start = max(0, place.offset_ms * 8)  # it counts in samples of 8 kHz
        recorded[start : start + len(spoken)] = array.array("h", bytes(2 * len(recorded[start : start + len(spoken)])))
    return place


def judge(spoken, recorded):
    """Both halves of the spectrum arrived."""
    whole = found(read_wav(spoken, RATE), read_wav(recorded, RATE), lambda place: place.ok and place.snr_db > 10)
    high = found(upper(spoken), upper(recorded), lambda place: place.heard > 0.75 and place.correlation > 0.8)
    print(os.path.basename(recorded), "whole:", whole, "\nabove 4 kHz:", high)
    assert whole.ok and whole.snr_db > 10
    assert high.heard > 0.75 and high.correlation > 0.8 and abs(high.level_db) < 6


def talk(path):
    return 3 * len(read_wav(path, RATE)) / RATE + 1  # the best of three rounds is judged


@pytest.fixture
def door(puppet, clips, tmp_path):
    """A siplet phone that can speak in 16 kHz; `heard` is what it hears."""

    def start(**options):
        heard = str(tmp_path / "heard-at-door.wav")
        options.setdefault("audio", {"play": clips[0], "record": heard, "repeat": True})
        options.setdefault("sound", WIDE)
        phone = puppet(**options)
        phone.heard = heard
        return phone

    return start


def at_door(phone):
    return f"sip:door@127.0.0.1:{phone.port}"


def finish(phone, call, seconds, end):
    time.sleep(seconds)
    stats = phone.do("stats", call=call)
    end()
    assert stats["sent"] > seconds * 45 and stats["received"] > seconds * 45
    assert stats["lost"] == 0 and stats["bad"] <= 2 and phone.do("state")["faults"] == 0
    return stats


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


def test_we_call_baresip_and_both_hear_more_than_a_telephone(started, clips, door, tmp_path):
    indoor = baresip_old(started, tmp_path / "indoor", says=clips[1], codecs="G722/16000,PCMA", rate=RATE)
    phone = door()
    call = phone.do("call", target=indoor.uri)["call"]
    indoor.wait_event("CALL_INCOMING")
    indoor.command("accept")
    phone.event("up", call=call)
    finish(phone, call, max(map(talk, clips)), lambda: phone.do("hangup", call=call))
    indoor.wait_event("CALL_CLOSED")
    judge(clips[1], phone.heard)
    judge(clips[0], indoor.heard())


def test_baresip_calls_us_and_both_hear_more_than_a_telephone(started, clips, door, tmp_path):
    indoor = baresip_old(started, tmp_path / "indoor", says=clips[1], codecs="PCMA,G722/16000", rate=RATE)
    phone = door()
    indoor.command("dial", at_door(phone))
    call = phone.event("incoming")["call"]
    phone.do("answer", call=call)
    phone.event("up", call=call)
    finish(phone, call, max(map(talk, clips)), lambda: phone.do("hangup", call=call))
    indoor.wait_event("CALL_CLOSED")
    judge(clips[1], phone.heard)
    judge(clips[0], indoor.heard())


def test_a_baresip_that_lacks_it_is_spoken_with_as_ever(started, clips, door, tmp_path):
    indoor = baresip_old(started, tmp_path / "indoor", says=INDOOR, codecs="PCMA")
    phone = door()
    call = phone.do("call", target=indoor.uri)["call"]
    indoor.wait_event("CALL_INCOMING")
    indoor.command("accept")
    phone.event("up", call=call)
    finish(phone, call, 2 * len(read_wav(INDOOR)) / 8000 + 1, lambda: phone.do("hangup", call=call))
    assert compare(INDOOR, phone.heard).ok  # a file of 8 kHz


def test_audio_that_knows_8_khz_alone_speaks_g722_through_the_adapter(started, clips, door, tmp_path):
    indoor = baresip_old(started, tmp_path / "indoor", says=clips[1], codecs="G722/16000", rate=RATE)
    heard = str(tmp_path / "heard-at-door.wav")
    sound = {"sound.complete": True, "sound.wideband_speech": True}
    phone = door(audio={"play": DOOR, "record": heard, "repeat": True}, sound=sound)
    call = phone.do("call", target=indoor.uri)["call"]
    indoor.wait_event("CALL_INCOMING")
    indoor.command("accept")
    phone.event("up", call=call)
    finish(phone, call, max(map(talk, clips)), lambda: phone.do("hangup", call=call))
    indoor.wait_event("CALL_CLOSED")
    narrow = str(tmp_path / "narrow.wav")
    subprocess.run(["sox", "-D", indoor.heard(), "-r", "8000", narrow], check=True)
    assert compare(DOOR, narrow).ok
    subprocess.run(["sox", "-D", clips[1], "-r", "8000", narrow], check=True)
    assert compare(narrow, heard).ok


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
def test_a_call_each_way_with(started, clips, door, tmp_path, kind, first):
    module, peer, *orders = KINDS[kind]
    need(module.missing())
    other = started(peer(tmp_path / "indoor", says=clips[1], codecs=orders[first], rate=RATE))
    phone = door()
    if first:
        theirs = other.dial(at_door(phone))
        call = phone.event("incoming")["call"]
        phone.do("answer", call=call)
        phone.event("up", call=call)
        other.up(theirs)
    else:
        call, theirs = connect(phone, other)
    finish(phone, call, max(map(talk, clips)), lambda: phone.do("hangup", call=call))
    other.over(theirs)
    judge(clips[1], phone.heard)
    judge(clips[0], other.heard(theirs))


def test_pjsip_without_it_is_spoken_with_as_ever(started, clips, door, tmp_path):
    need(pjsua.missing())
    other = started(pjsua.Pjsua(tmp_path / "indoor", says=INDOOR))
    phone = door()
    call, theirs = connect(phone, other)
    finish(phone, call, 2 * len(read_wav(INDOOR)) / 8000 + 1, lambda: phone.do("hangup", call=call))
    other.over(theirs)
    assert compare(INDOOR, phone.heard).ok


def test_hold_and_back_in_16_khz(started, clips, door, tmp_path):
    need(pjsua.missing())
    other = started(pjsua.Pjsua(tmp_path / "indoor", says=clips[1], codecs=("G722/16000",), rate=RATE))
    phone = door()
    call, theirs = connect(phone, other)
    for holds, resumes in (
        (lambda: phone.do("hold", call=call), lambda: phone.do("resume", call=call)),
        (lambda: other.hold(theirs), lambda: other.resume(theirs)),
    ):
        holds()
        time.sleep(0.3)
        resumes()
        hears(phone, call)
    time.sleep(max(map(talk, clips)))
    phone.do("hangup", call=call)
    other.over(theirs)
    judge(clips[1], phone.heard)
    judge(clips[0], other.heard(theirs))
    assert phone.do("state")["faults"] == 0


def test_a_call_that_becomes_narrow_and_wide_again_on_the_way(started, clips, door, tmp_path):
    need(pjsua.missing())
    other = started(pjsua.Pjsua(tmp_path / "indoor", says=clips[1], codecs=("G722/16000", "PCMA/8000"), rate=RATE))
    phone = door()
    call, theirs = connect(phone, other)
    for codecs in (("PCMA/8000",), ("G722/16000", "PCMA/8000")):
        time.sleep(0.5)
        other.do("codecs", codecs=codecs)
        other.hold(theirs)
        time.sleep(0.3)
        other.resume(theirs)
        time.sleep(0.5)
        answer = said(phone.trace)[-1]
        assert answer == ("8" if codecs[0][0] == "P" else "9")
    time.sleep(max(map(talk, clips)))
    phone.do("hangup", call=call)
    other.over(theirs)
    judge(clips[1], phone.heard)
    judge(clips[0], other.heard(theirs))
    assert phone.do("state")["faults"] == 0


def said(trace):
    """The first format of each description that siplet sent, in a row."""
    with open(trace, encoding="utf-8", errors="replace") as file:
        messages = file.read().split("\n>>> ")[1:]
    lines = [line for message in messages for line in message.split("\n<<< ")[0].splitlines()]
    return [line.split()[3] for line in lines if line.startswith("m=audio")]
