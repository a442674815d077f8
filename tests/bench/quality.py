# What is left of speech when the network loses and delays packets: siplet, baresip and PJSIP side by side, over one
# lossy wire in one run. Needs espeak-ng, sox, baresip and the peers' Python (make peers).
#
#     source --(speech, some packets lost, some late)--> phone that plays, hears itself, and sends back --> source
#
# The source calls each phone as a SIP phone would, and sends it the same packets at the same moments. Each phone's
# speaker is tied to its microphone (siplet: the echo application; baresip: aubridge; PJSIP: its conference bridge), so
# what it sends back is what a listener would have heard, untouched: the wire loses nothing on the way back. PESQ
# (ITU-T P.862, by judge.py) compares it with what was said; the delay comes from the place where the speech lies in
# what came back, and the moments at which that came.

import contextlib
import heapq
import json
import os
import random
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from siplet_tools import interpreter
from siplet_tools.baresip import _modules
from siplet_tools.interpreter import ROOT
from siplet_tools.process import Process, free_ports, wait_until
from siplet_tools.wav_file import read_wav
from table import doing, table

INTEROP = os.path.join(ROOT, "tests", "interop")
PEERS = os.path.join(ROOT, ".venv", "peers", "bin", "python")
RATE = 8000
FRAME = 160
LOSS = (0, 1, 3, 5, 10)  # percent, each packet by itself
JITTER = (20, 60, 100)  # ms: each packet is late by anything from 0 to that, so that some overtake others
LEAD = 2.0  # s of silence before the speech: a phone may get used to the wire as it would in a call
TAIL = 1.0
SEEDS = (1, 2, 3, 4, 5)
TEXTS = (
    ("en-gb", "Good morning. The parcel for flat seven is at the gate, and the driver asks for a signature. "),
    ("en-us+f3", "Please open the side door, walk past the bicycles, and take the lift to the second floor. "),
    ("en-gb+m3", "Nobody answered at the workshop, so he will try again at a quarter past three this afternoon."),
)


def missing():
    """What has to be there first, as one line; "" when all is."""
    for program in ("espeak-ng", "sox", "baresip"):
        if not shutil.which(program):
            return program + " is not installed (make peers)"
    if not os.path.exists(PEERS):
        return "the peers' Python is not there (make peers)"
    done = subprocess.run([PEERS, "-c", "import pesq, pjsua2"], capture_output=True, text=True)
    return "" if not done.returncode else "pesq or pjsua2 is not there (make peers): " + done.stderr.strip()[-80:]


# --- what is said


def speech(folder):
    """Samples of 16 bits at 8 kHz: three voices, half a second of silence between them, -26 dB of full scale."""
    clips = []
    for number, (voice, text) in enumerate(TEXTS):
        raw, path = (os.path.join(folder, f"{name}{number}.wav") for name in ("raw", "said"))
        subprocess.run(["espeak-ng", "-v", voice, "-s", "160", "-w", raw, text], check=True)
        filters = ["sinc", "300-3400", "norm", "-6", "pad", "0", "0.5"]
        subprocess.run(["sox", "-R", "-D", raw, "-r", str(RATE), "-c", "1", "-b", "16", path, *filters], check=True)
        clips += list(read_wav(path))
    return clips


def encode(samples):
    """A-law, by the table of its decoder turned round: this file borrows no codec from siplet."""
    levels = []
    for code in range(256):
        x = code ^ 0x55
        step, value = x >> 4 & 7, (x & 15) << 4
        value = value + 8 if step == 0 else value + 0x108 << step - 1
        levels.append(value if x & 0x80 else -value)
    nearest = {}
    for sample in range(-32768, 32768, 16):
        nearest[sample >> 4] = min(range(256), key=lambda code: abs(levels[code] - sample - 8))
    return bytes([nearest[sample >> 4] for sample in samples]), levels


def schedule(count, loss, jitter, seed):
    """[s of delay, or None for a packet that is lost] for each packet; the same for whom the seed is the same."""
    rng = random.Random(1000 * loss + jitter + 7 * seed)
    delays = []
    for number in range(count):
        delay = rng.random() * jitter / 1000
        gone = rng.random() * 100 < loss
        quiet = number < 25  # the call begins undisturbed: whoever answers needs a moment
        delays.append(delay if quiet or not gone else None)
    return delays


# --- the phones


@contextlib.contextmanager
def siplet_phone(folder):
    """The echo application on MicroPython, complete, but without voice switching, which would find all of it echo."""
    port = free_ports()
    config = {
        "app": "echo",
        "sip": {"address": f"sip:echo@127.0.0.1:{port}", "local_address": "127.0.0.1", "local_port": port,
                "register": False, "accept": ["open"]},
        "sound": {"complete": True, "hands_free": "off"},
    }  # fmt: skip
    path = os.path.join(folder, "config.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
    command = [interpreter.find(), "-X", "heapsize=1m", "firmware/main.py", path]
    environment = {"MICROPYPATH": os.path.join(ROOT, "firmware") + ":.frozen"}
    with Process("siplet", [os.path.join(ROOT, part) if part.startswith("firm") else part for part in command], folder,
                 environment) as process:  # fmt: skip
        wait_until(lambda: "echo ready" in process.output(), 10, "siplet", process)
        yield f"sip:echo@127.0.0.1:{port}", port


_BARESIP = """\
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
poll_method epoll
call_max_calls 4
module_path {modules}
module stdio.so
module g711.so
module aubridge.so
module plc.so
module uuid.so
module_tmp account.so
module_app menu.so
audio_source aubridge,one
audio_player aubridge,one
audio_alert aubridge,unused
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp}-{last}
jitter_buffer_type adaptive
jitter_buffer_delay 1-20
"""


@contextlib.contextmanager
def baresip_phone(folder):
    """baresip with its adaptive jitter buffer and its concealment, its speaker bridged to its microphone."""
    port, rtp = free_ports(2), free_ports(20)
    with open(os.path.join(folder, "config"), "w", encoding="utf-8") as file:
        file.write(_BARESIP.format(port=port, rtp=rtp, last=rtp + 19, modules=_modules()))
    with open(os.path.join(folder, "accounts"), "w", encoding="utf-8") as file:
        file.write(f"<sip:echo@127.0.0.1:{port}>;answermode=auto;audio_codecs=PCMA;ptime=20;regint=0\n")
    with open(os.path.join(folder, "contacts"), "w", encoding="utf-8") as file:
        file.write("")
    with Process("baresip", ["baresip", "-f", folder, "-v"], folder) as process:
        wait_until(lambda: "baresip is ready" in process.output(), 10, "baresip", process)
        yield f"sip:echo@127.0.0.1:{port}", port


@contextlib.contextmanager
def pjsip_phone(folder):
    """PJSIP with its adaptive jitter buffer and its concealment, the call's sound bridged to itself."""
    port, rtp = free_ports(), free_ports(20)
    script = os.path.join(ROOT, "tests", "bench", "pjsip_echo.py")
    with Process("pjsip", [PEERS, "-u", script, str(port), str(rtp)], folder) as process:
        wait_until(lambda: "ready" in process.output(), 10, "pjsip", process)
        yield f"sip:echo@127.0.0.1:{port}", port


PHONES = (("siplet", siplet_phone), ("baresip", baresip_phone), ("PJSIP", pjsip_phone))


# --- a call


class Source:
    """One call to one phone: as much SIP as that takes, and two lists of packets. Raises OSError when it fails."""

    def __init__(self, uri, port):
        self.uri, self.remote = uri, ("127.0.0.1", port)
        self.sip, self.rtp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in "12")
        for sock in (self.sip, self.rtp):
            sock.bind(("127.0.0.1", 0))
        self.own = self.sip.getsockname()[1]
        self.tag = f"{random.getrandbits(40):x}"
        self.heard = []  # (moment, RTP packet)

    def request(self, method, number, to, body=""):
        lines = [
            f"{method} {self.uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.own};branch=z9hG4bK{self.tag}{method}{number};rport",
            f"From: <sip:source@127.0.0.1:{self.own}>;tag={self.tag}",
            f"To: <{self.uri}>{to}",
            f"Call-ID: {self.tag}@127.0.0.1",
            f"CSeq: {number} {method if method != 'ACK' else 'ACK'}",
            f"Contact: <sip:source@127.0.0.1:{self.own}>",
            "Max-Forwards: 70",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.sip.sendto("\r\n".join([*lines, "", body]).encode(), self.remote)

    def answer(self, method, number, to, body=""):
        """The text of the final answer, which is 2xx."""
        for _ in range(8):
            self.request(method, number, to, body)
            self.sip.settimeout(2)
            try:
                while True:
                    text = self.sip.recv(4096).decode(errors="replace")
                    status = int(text[8:11]) if text.startswith("SIP/2.0") else 0
                    if status >= 200 and f"CSeq: {number} {method}" in text:
                        if status >= 300:
                            raise OSError(f"{self.uri} answers {text.splitlines()[0]}")
                        return text
            except TimeoutError:
                continue
        raise OSError(f"{self.uri} does not answer")

    def call(self):
        rtp = self.rtp.getsockname()[1]
        body = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {rtp} RTP/AVP 8\r\n"
            "a=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na=sendrecv\r\n"
        )
        text = self.answer("INVITE", 1, "", body)
        self.to = ";tag=" + re.search(r"^To:.*;tag=([^;\r]+)", text, re.M | re.I).group(1)
        self.target = "127.0.0.1", int(re.search(r"^m=audio (\d+)", text, re.M).group(1))
        self.request("ACK", 1, self.to)

    def end(self):
        self.answer("BYE", 2, self.to)
        self.sip.close()
        self.rtp.close()


def carry(sources, codes, delays):
    """Send the codes to all of them, packet by packet as delays say; all that comes back is in their .heard."""
    start = time.monotonic() + 0.1
    due = []
    for number, delay in enumerate(delays):
        packet = bytes([0x80, 8, number + 100 >> 8 & 255, number + 100 & 255])
        packet += (5000 + FRAME * number).to_bytes(4, "big") + b"\x12\x34\x56\x78"
        packet += codes[FRAME * number : FRAME * number + FRAME]
        if delay is not None:
            heapq.heappush(due, (start + 0.02 * number + delay, number, packet))
    end = start + 0.02 * len(delays) + TAIL
    sockets = [source.rtp for source in sources]
    while (now := time.monotonic()) < end:
        while due and due[0][0] <= now:
            packet = heapq.heappop(due)[2]
            for source in sources:
                source.rtp.sendto(packet, source.target)
        wait = min(due[0][0] if due else end, end) - now
        for sock in select.select(sockets, [], [], max(0, wait))[0]:
            data = sock.recv(2048)
            if len(data) > 12 and data[1] & 127 == 8:
                sources[sockets.index(sock)].heard.append((time.monotonic() - start, data))


def timeline(heard, levels):
    """(samples, the moment of the first one in s): what came back, by its timestamps; silence where nothing did."""
    first = int.from_bytes(heard[0][1][4:8], "big")
    samples = []
    moments = []
    for moment, data in heard:
        place = (int.from_bytes(data[4:8], "big") - first) & 0xFFFFFFFF
        if place > 100 * RATE:
            continue
        samples += [0] * (place + FRAME - len(samples))
        for i, code in enumerate(data[12 : 12 + FRAME]):
            samples[place + i] = levels[code]
        moments.append(moment - place / RATE)
    moments.sort()
    return samples, moments[len(moments) // 2]


def measure(folder, clip, progress):
    """{(loss, jitter): {phone: [(PESQ, delay ms), ...]}}"""
    silence = [0] * int(LEAD * RATE)
    samples = silence + clip + [0] * (FRAME - (len(silence) + len(clip)) % FRAME)
    codes, levels = encode(samples)
    points = [(loss, 0) for loss in LOSS] + [(0, jitter) for jitter in JITTER]
    tasks = []
    with contextlib.ExitStack() as stack:
        phones = []
        for name, start in PHONES:
            own = os.path.join(folder, name)
            os.makedirs(own)
            phones.append((name, *stack.enter_context(start(own))))
        for loss, jitter in points:
            for seed in SEEDS:
                progress(f"{loss} % lost, {jitter} ms of jitter, {seed}")
                sources = [Source(uri, port) for _, uri, port in phones]
                for source in sources:
                    source.call()
                carry(sources, codes, schedule(len(codes) // FRAME, loss, jitter, seed))
                for (name, _, _), source in zip(phones, sources):
                    source.end()
                    heard, moment = timeline(source.heard, levels)
                    tasks.append({"point": [loss, jitter], "phone": name, "heard": heard, "moment": moment})
    judged = _judge(folder, {"said": clip, "lead": LEAD, "tasks": tasks})
    results = {}
    for task, (pesq, delay) in zip(tasks, judged):
        results.setdefault(tuple(task["point"]), {}).setdefault(task["phone"], []).append((pesq, delay))
    return results


def _judge(folder, work):
    path = os.path.join(folder, "work.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(work, file)
    script = os.path.join(ROOT, "tests", "bench", "judge.py")
    done = subprocess.run([PEERS, script, path], capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr[-2000:])
    return json.loads(done.stdout)


def show():
    """The table: PESQ (1 bad, 4.5 perfect) and the delay from one packet's sending to its sound's way back."""
    absent = missing()
    if absent:
        print("quality: " + absent, file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        clip = speech(folder)
        results = measure(folder, clip, doing)
    rows = []
    names = [name for name, _ in PHONES]
    for (loss, jitter), found in results.items():
        means = [[sum(one[k] for one in found[name]) / len(found[name]) for k in (0, 1)] for name in names]
        best = max(mean[0] for mean in means[1:])
        verdict = "ok" if means[0][0] >= best - 0.005 else "UNDER"
        what = f"{loss} % lost" if loss or not jitter else f"{jitter} ms of jitter"
        rows.append([what, *[f"{mean[0]:.2f}" for mean in means], *[f"{mean[1]:.0f}" for mean in means], verdict])
    note = (
        f"PESQ: the mean of {len(SEEDS)} calls over wires that are the same for all. Delay: ms from a packet's way in\n"
        "to its way out; siplet's loop from speaker to microphone takes one frame of 20 ms of it."
    )
    titles = ["", *[f"PESQ {name}" for name in names], *[f"delay {name}" for name in names], "at least the better"]
    table("Speech over a wire that loses and delays", titles, rows, note)
