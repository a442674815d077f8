# A PulseAudio of a test's own, without any hardware: what is played into its "room" is heard by its microphone, and
# what its speaker says can be recorded. ALSA's default device, and so PortAudio's, leads to it. Imports process.

import glob
import os
import shutil
import signal
import subprocess
import tempfile

from siplet_tools.process import Process, wait_until

_PROGRAMS = ("pulseaudio", "pactl", "paplay", "parecord")
_SOON = "--latency-msec=20"  # else a sink without hardware works two seconds ahead, and takes nothing new before
_SERVER = """\
load-module module-native-protocol-unix socket={folder}/socket auth-anonymous=1
load-module module-null-sink sink_name=speaker rate=48000
load-module module-null-sink sink_name=room rate=44100
set-default-sink speaker
set-default-source room.monitor
"""
_ALSA = """\
pcm.!default {{
    type pulse
    hint {{ show on  description "default" }}
}}
ctl.!default {{ type pulse }}
"""


def missing():
    """What has to be installed, as one line; "" when all is there."""
    for name in _PROGRAMS:
        if not shutil.which(name):
            return f"{name} is not installed (make peers)"
    if not glob.glob("/usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so"):
        return "libasound2-plugins is not installed (make peers)"
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        return f"sounddevice, or libportaudio2, is not installed (make peers): {error}"
    return ""


class PulseAudio:
    """It runs; a context manager that ends it, and all that it plays and records.

    environment: for programs that are to use it. Their home is a folder of its own, so nobody's settings are read or
    written.
    """

    def __init__(self, folder):
        self._log = str(folder)
        self._folder = tempfile.mkdtemp(prefix="siplet-")  # short: a socket's path has 107 characters at most
        self._others = []
        self.environment = {
            "HOME": self._folder,
            "XDG_RUNTIME_DIR": self._folder,
            "XDG_CONFIG_HOME": self._folder,
            "PULSE_RUNTIME_PATH": self._folder,
            "PULSE_STATE_PATH": self._folder,
            "PULSE_SERVER": f"unix:{self._folder}/socket",
            "PULSE_CLIENTCONFIG": self._file("client.conf", "autospawn = no\n"),
            "ALSA_CONFIG_PATH": self._file("asound.conf", _ALSA),
        }
        command = ["pulseaudio", "-n", "-F", self._file("server.pa", _SERVER), "--daemonize=no", "--use-pid-file=no"]
        command += ["--exit-idle-time=-1", "--disable-shm=yes", "--realtime=no", "--high-priority=no"]
        self.server = Process("pulseaudio", command, self._log, self.environment)
        try:
            wait_until(self._is_ready, 20, "room of PulseAudio", self.server)
        except BaseException:
            self.stop()
            raise

    def _file(self, name, text):
        path = os.path.join(self._folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.format(folder=self._folder))
        return path

    def _is_ready(self):
        return "room.monitor" in self._pactl("get-default-source")

    def _pactl(self, *arguments):
        done = subprocess.run(
            ["pactl", *arguments], env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=20
        )
        return done.stdout

    def uses(self, kind, count=1):
        """Whether that many programs record ("source-outputs") or play ("sink-inputs")."""
        return len(self._pactl("list", "short", kind).splitlines()) >= count

    def play(self, path):
        """Somebody in the room plays that WAV file."""
        self._others.append(Process("paplay", ["paplay", "--device=room", _SOON, path], self._log, self.environment))

    def record(self, path):
        """What the speaker says from now on, as a WAV file of 8 kHz, until stop_recording()."""
        command = ["parecord", "--device=speaker.monitor", _SOON, "--rate=8000", "--channels=1", "--format=s16le"]
        recorder = Process("parecord", [*command, "--file-format=wav", path], self._log, self.environment)
        self._others.append(recorder)
        wait_until(lambda: self.uses("source-outputs"), 10, "recording", recorder)
        return recorder

    def end_server(self):
        """All devices are unplugged at once."""
        os.kill(self.server.pid, signal.SIGKILL)

    def stop(self):
        for process in [*reversed(self._others), self.server]:
            process.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
