"""Pages between siplet and ffmpeg, over multicast on the loopback interface: plain RTP, as paging phones speak it."""

import os
import shutil
import subprocess
import time

import pytest
from driver import HERE, INDOOR, App, need
from siplet_tools import interpreter
from siplet_tools.process import Process, free_ports, wait_until
from siplet_tools.speech import compare
from siplet_tools.wav_file import read_wav


@pytest.fixture(autouse=True)
def needed():
    need("" if shutil.which("ffmpeg") else "ffmpeg is not installed (make peers)")


@pytest.mark.parametrize("codec", ["pcm_mulaw", "pcm_alaw", "g722"])
def test_a_page_of_ffmpeg_is_heard(started, tmp_path, codec):
    heard = str(tmp_path / "heard.wav")
    group = f"239.255.66.20:{free_ports()}"
    config = {
        "sip": {"address": "sip:hall@127.0.0.1", "register": False},
        "audio": {"record": heard},
        "paging": {"groups": [group], "silence_ms": 400},
    }
    app = started(App(tmp_path, "echo", config))
    source = [
        "ffmpeg",
        "-hide_banner",
        "-loglevel",
        "error",
        "-i",
        INDOOR,
        "-ar",
        "16000" if codec == "g722" else "8000",
        "-ac",
        "1",
    ]
    source += [
        "-af",
        "asetnsamples=n=%d:p=0,arealtime" % (320 if codec == "g722" else 160),
    ]  # -re paces by what it reads, half a second
    target = f"rtp://{group}?localaddr=127.0.0.1&ttl=1&pkt_size=172"
    subprocess.run([*source, "-acodec", codec, "-f", "rtp", target], check=True, timeout=20, capture_output=True)
    time.sleep(1)
    app.stop()
    if codec == "g722":  # kept as it was heard, at 16 kHz
        subprocess.run(["sox", "-D", heard, "-r", "8000", heard + "8.wav"], check=True)
        heard += "8.wav"
    found = compare(INDOOR, heard)
    print(found)
    assert found.ok


def speak(path, rate):
    """Writes what a page says at that rate; returns its seconds."""
    need("" if shutil.which("sox") else "sox is not installed (make peers)")
    if rate == 8000:
        shutil.copy(INDOOR, path)
    else:
        need("" if shutil.which("espeak-ng") else "espeak-ng is not installed (make peers)")
        speech = subprocess.run(
            ["espeak-ng", "-v", "en-gb", "-s", "165", "--stdout", "Six packages of fresh fish, sir."],
            capture_output=True,
            check=True,
        ).stdout
        sox = ["sox", "-D", "-t", "wav", "-", "-r", str(rate), "-c", "1", "-b", "16", path, "highpass", "150"]
        subprocess.run([*sox, "gain", "-n", "-3"], input=speech, check=True)
    return len(read_wav(path, rate)) / rate


@pytest.mark.parametrize("codec, number, rate", [("PCMU", 0, 8000), ("PCMA", 8, 8000), ("G722", 9, 16000)])
def test_ffmpeg_hears_our_page(tmp_path, codec, number, rate):
    port = free_ports(2)
    description = tmp_path / "page.sdp"
    lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=page", "c=IN IP4 239.255.66.21/1", "t=0 0"]
    # G.722 says 8000, too: RFC 3551 4.5.2
    lines += [f"m=audio {port} RTP/AVP {number}", f"a=rtpmap:{number} {codec}/8000", ""]
    description.write_text("\n".join(lines))
    spoken, heard = str(tmp_path / "spoken.wav"), str(tmp_path / "heard.wav")
    seconds = speak(spoken, rate)
    listen = ["ffmpeg", "-hide_banner", "-protocol_whitelist", "file,udp,rtp", "-localaddr", "127.0.0.1"]
    listen += ["-analyzeduration", "0", "-i", str(description), "-t", f"{seconds + 0.5:.1f}", "-y", heard]
    with Process("ffmpeg", listen, str(tmp_path)) as ffmpeg:
        wait_until(lambda: f"{port:04X}" in open("/proc/net/udp").read(), 5, "ffmpeg", ffmpeg)
        command = [interpreter.find(), os.path.join(HERE, "pager.py"), f"239.255.66.21:{port}", codec, spoken]
        done = subprocess.run(
            [*command, str(seconds + 1.5)], env=interpreter.environment(), capture_output=True, text=True, timeout=30
        )
        assert "unsent 0" in done.stdout, done.stdout + done.stderr
        ffmpeg.wait(10)
    found = compare(spoken, heard, rate)
    print(found)
    assert found.ok and found.heard > 0.97 and found.snr_db > (25 if rate == 8000 else 20)
    if rate == 16000:  # and it is more than a telephone lets through, as good as the codec alone leaves it
        codes, alone = str(tmp_path / "alone.g722"), str(tmp_path / "alone.wav")
        for source, into in ((spoken, codes), (codes, alone)):
            subprocess.run(["ffmpeg", "-v", "error", "-i", source, into], check=True)
        parts = [path + ".upper.wav" for path in (spoken, heard, alone)]
        for path, part in zip((spoken, heard, alone), parts):
            subprocess.run(["sox", "-D", path, part, "sinc", "4300-6700"], check=True)
        upper, best = compare(parts[0], parts[1], rate), compare(parts[0], parts[2], rate)
        print("above 4 kHz:", upper, "of", best)
        assert found.snr_db > compare(spoken, alone, rate).snr_db - 1
        assert upper.heard > best.heard - 0.03 and upper.correlation > best.correlation - 0.01
        assert abs(upper.level_db - best.level_db) < 0.5
