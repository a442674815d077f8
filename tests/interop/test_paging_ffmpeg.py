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
from siplet_tools.wav_file import RATE, read_wav

SECONDS = len(read_wav(INDOOR)) / RATE


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


@pytest.mark.parametrize("codec, number", [("PCMU", 0), ("PCMA", 8)])
def test_ffmpeg_hears_our_page(tmp_path, codec, number):
    port = free_ports(2)
    description = tmp_path / "page.sdp"
    lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=page", "c=IN IP4 239.255.66.21/1", "t=0 0"]
    description.write_text("\n".join([*lines, f"m=audio {port} RTP/AVP {number}", ""]))
    heard = str(tmp_path / "heard.wav")
    listen = ["ffmpeg", "-hide_banner", "-protocol_whitelist", "file,udp,rtp", "-localaddr", "127.0.0.1"]
    listen += ["-analyzeduration", "0", "-i", str(description), "-t", f"{SECONDS + 0.5:.1f}", "-y", heard]
    with Process("ffmpeg", listen, str(tmp_path)) as ffmpeg:
        wait_until(lambda: f"{port:04X}" in open("/proc/net/udp").read(), 5, "ffmpeg", ffmpeg)
        command = [interpreter.find(), os.path.join(HERE, "pager.py"), f"239.255.66.21:{port}", codec, INDOOR]
        done = subprocess.run(
            [*command, str(SECONDS + 1.5)], env=interpreter.environment(), capture_output=True, text=True, timeout=30
        )
        assert "unsent 0" in done.stdout, done.stdout + done.stderr
        ffmpeg.wait(10)
    found = compare(INDOOR, heard)
    print(found)
    assert found.ok
