"""Drives baresip (the C program, Debian's 1.0 and later) without screen or sound card: calls, keys, hold, recordings.

Imports the standard library, process, private, wav_file. Commands and events travel as netstrings of JSON over its
ctrl_tcp module. It speaks from a WAV file (8 kHz PCM16) and leaves what it heard in another, both in its own folder.
"""

import glob
import json
import os
import queue
import re
import shutil
import socket
import threading
import time

from siplet_tools.private import opener
from siplet_tools.process import Process, ProcessError, free_ports, wait_until
from siplet_tools.wav_file import RATE, read_wav, write_wav

# audio_txmode thread: paced by the clock, since no sound card paces it; sndfile writes what was said and was heard.
_CONFIG = """\
sip_listen {address}:{port}
net_interface {address}
poll_method epoll
call_local_timeout {ring_s}
call_max_calls {max_calls}
module_path {modules}
module stdio.so
module g711.so
module aufile.so
module sndfile.so
module uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
audio_source aufile,{folder}/says.wav
audio_player aufile,{folder}/unused.wav
audio_alert aufile,{folder}/unused.wav
audio_path {folder}
audio_txmode thread
ausrc_srate {rate}
auplay_srate {rate}
ausrc_channels 1
auplay_channels 1
snd_path {folder}
rtp_ports {rtp}-{rtp_last}
rtp_stats yes
jitter_buffer_type fixed
jitter_buffer_delay 2-10
"""


def missing():
    """What has to be installed before baresip can be driven, as one line; "" when all is there."""
    if not shutil.which("baresip") or not _modules():
        return "baresip is not installed (make peers, or apt install baresip-core)"
    return ""


def _modules():
    found = glob.glob("/usr/lib/baresip/modules") + glob.glob("/usr/lib/*/baresip/modules")
    return (
        found + glob.glob("/usr/local/lib/baresip/modules") + glob.glob("/opt/homebrew/lib/baresip/modules") or [""]
    )[0]


class Baresip:
    """A running baresip; a context manager that ends it.

    folder: an empty folder for its files; user, password: its account; server: "HOST:PORT" of its registrar or None
    (then it is called directly, at `uri`); says: WAV file that it speaks, repeated for `minutes`; answer: "manual" or
    "auto"; codecs: such as "PCMU" or "PCMA,PCMU"; dtmf: "info" or "rtpevent" (1.0 knows the latter alone); ring_s: how
    long a call may ring; transport: "udp", "tcp" or "tls", the latter with certificate, a PEM with its key, and ca;
    contacts: lines of its address book; rate: of its sound, 8000 or 16000, which G722 wants; lines: more of its
    configuration. Raises ProcessError with its log when something goes wrong. parameters: more of its account.
    """

    def __init__(
        self,
        folder,
        user="indoor",
        password="",
        server=None,
        says=None,
        answer="manual",
        codecs="PCMA,PCMU",
        dtmf="info",
        ring_s=120,
        max_calls=4,
        minutes=1,
        transport="udp",
        certificate=None,
        ca=None,
        contacts="",
        rate=RATE,
        lines="",
        parameters="",
    ):
        if missing():
            raise ProcessError(missing())
        self.folder = os.path.abspath(str(folder))
        os.makedirs(self.folder, exist_ok=True)
        self.port = free_ports(2)  # it takes the port above for TLS, without asking
        self._control_port = free_ports()
        parameter = "" if transport == "udp" else ";transport=" + transport
        port = self.port + 1 if transport == "tls" else self.port
        self.uri = f"sip:{user}@{server or '127.0.0.1:%d' % port}{parameter}"
        if certificate:
            lines += f"sip_certificate {certificate}\nsip_cafile {ca}\n"
        self._write_speech(says, minutes, rate)
        if "G722" in codecs:
            lines += "module g722.so\n"
        rtp = free_ports(20)
        text = _CONFIG.format(
            address="127.0.0.1",
            port=self.port,
            ring_s=ring_s,
            max_calls=max_calls,
            modules=_modules(),
            control=self._control_port,
            rate=rate,
            folder=self.folder,
            rtp=rtp,
            rtp_last=rtp + 19,
        )
        account = f"<{self.uri}>;answermode={answer};audio_codecs={codecs};dtmfmode={dtmf};ptime=20{parameters}"
        account += f";auth_user={user};auth_pass={password};regint=60\n" if server else ";regint=0\n"
        for name, content in (("config", text + lines), ("accounts", account), ("contacts", contacts)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8", opener=opener) as file:
                file.write(content)
        self.events = queue.Queue()
        self._answers = queue.Queue()
        self._socket = None
        self._process = Process("baresip", ["baresip", "-f", self.folder, "-v"], self.folder)
        try:
            self._socket = wait_until(self._connect, 10, "control port", self._process)
            threading.Thread(target=self._read, daemon=True).start()
            if server and "OK" not in self.command("reginfo"):  # else it was faster than our connection
                self.wait_event("REGISTER_OK", 10)
        except BaseException:  # Ctrl-C is not the program's, which has a session of its own
            self.stop()
            raise

    def _write_speech(self, says, minutes, rate):
        clip = list(read_wav(says, rate)) if says else [0] * rate
        # A pause between the repetitions, and no end before the call's: it would hang up at the end of the file.
        clip += [0] * (rate // 2)
        write_wav(os.path.join(self.folder, "says.wav"), clip * max(1, int(minutes * 60 * rate / len(clip))), rate)

    def _connect(self):
        try:
            return socket.create_connection(("127.0.0.1", self._control_port), 1)
        except OSError:
            return None

    def _read(self):
        data = b""
        while True:
            try:
                piece = self._socket.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return
            if not piece:
                return
            data += piece
            while b":" in data:
                size, _, rest = data.partition(b":")
                if not size.isdigit() or len(rest) < int(size) + 1:
                    break
                message = json.loads(rest[: int(size)].decode("utf-8", "replace"))
                data = rest[int(size) + 1 :]
                (self.events if message.get("event") else self._answers).put(message)

    def command(self, name, parameters=""):
        """Give a command ("dial", "accept", "hangup", "hold", "resume", "sndcode" ...); returns what it answers."""
        text = json.dumps({"command": name, "params": parameters, "token": "siplet"}).encode()
        self._socket.sendall(b"%d:%s," % (len(text), text))
        try:
            answer = self._answers.get(timeout=5)
        except queue.Empty:
            raise ProcessError(f"baresip did not answer '{name}'\n{self._process.tail()}") from None
        if not answer.get("ok"):
            raise ProcessError(f"baresip refused '{name} {parameters}': {answer.get('data', '').strip()}")
        return answer.get("data", "")

    def wait_event(self, kind, timeout_s=10):
        """The next event of that type ("CALL_INCOMING", "CALL_ESTABLISHED", ...); those before it are forgotten."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                event = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise ProcessError(f"no {kind} from baresip within {timeout_s} s\n{self._process.tail()}") from None
            if event.get("type") == kind:
                return event

    def digits(self, count, timeout_s=5):
        """The next `count` keys that it was sent."""
        keys = ""
        while len(keys) < count:
            keys += self.wait_event("CALL_DTMF_START", timeout_s).get("param", "")
        return keys

    def heard(self):
        """Path of the WAV file with what it heard in its (last) call; complete only when the call is over."""
        names = sorted(glob.glob(os.path.join(self.folder, "dump-*-dec.wav")), key=os.path.getmtime)
        if not names:
            raise ProcessError(f"baresip recorded nothing\n{self._process.tail()}")
        return names[-1]

    def media(self):
        """Its counters {"sent": n, "received": n} of the (last) call, once that is over; empty when it told none."""
        found = re.findall(r"packets:\s+(\d+)\s+(\d+)", self.output())
        return {"sent": int(found[-1][0]), "received": int(found[-1][1])} if found else {}

    def output(self):
        """All that it has printed."""
        return self._process.output()

    def stop(self):
        """End it; its calls are hung up and its registration is taken back."""
        if self._process.running and self._socket:
            try:
                self.command("quit")
                self._process.wait(2)
            except (ProcessError, OSError):
                pass  # then it is ended the hard way
        if self._socket:
            self._socket.close()
        self._process.stop()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
