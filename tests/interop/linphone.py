# Linphone's console phone (Debian's linphone-cli) as a peer of the tests: typed to on its standard input, understood by
# what it prints. Imports the standard library and siplet_tools.

import os
import re
import shutil
import time

from siplet_tools.process import Process, ProcessError, free_ports, wait_until
from siplet_tools.wav_file import RATE, read_wav, write_wav

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates", "linphonerc")
_PROXY = """\
[proxy_0]
reg_proxy=<sip:@SERVER@@PARAMETER@>
reg_route=<sip:@SERVER@@PARAMETER@;lr>
reg_identity=sip:@USER@@@SERVER@
reg_expires=60
reg_sendregister=1
publish=@PUBLISH@
"""
_FRIEND = """
[friend_0]
url="Friend" <@FRIEND@>
pol=accept
subscribe=1
"""


def missing():
    """What has to be installed, as one line; "" when all is there."""
    return "" if shutil.which("linphonec") else "linphonec is not installed (make peers)"


class Linphone:
    """A running Linphone; a context manager that ends it. Calls are its own numbers.

    The arguments are those of Pjsua; dtmf: "info" or "rtp", how it presses keys; publish: it publishes its presence.
    It hears one call: the recording is that of the last one.
    """

    title = "Linphone 5.1 (linphonec)"

    def __init__(
        self,
        folder,
        user="indoor",
        password="",
        server=None,
        says=None,
        auto=False,
        transport="udp",
        certificates=None,
        dtmf="info",
        publish=False,
        friend=None,
    ):
        self.folder = os.path.abspath(str(folder))
        os.makedirs(os.path.join(self.folder, ".local", "share", "linphone"), exist_ok=True)
        self.port = free_ports()
        parameter = "" if transport == "udp" else ";transport=" + transport
        self.uri = f"sip:{user}@{server or '127.0.0.1:%d' % self.port}{parameter}"
        fields = {
            "ACCOUNT": (_PROXY if server else "") + (_FRIEND if friend else ""),
            "FRIEND": friend,
            "PROXY": 0 if server else -1,
            "SERVER": server,
            "PARAMETER": parameter,
            "PUBLISH": int(publish),
            "UDP_PORT": self.port if transport == "udp" else -2,  # -2: none
            "TCP_PORT": self.port if transport == "tcp" else -2,
            "TLS_PORT": self.port if transport == "tls" else -2,
            "CA": certificates[0] if certificates else "",
            "USE_INFO": int(dtmf == "info"),
            "USE_RTP": int(dtmf == "rtp"),
            "RTP": free_ports(40),
            "USER": user,
            "PASSWORD": password,
            "REALM": (server or "").split(":")[0],
        }
        with open(TEMPLATE, encoding="utf-8") as file:
            text = file.read()
        for name, value in fields.items():
            text = text.replace(f"@{name}@", str(value))
        with open(os.path.join(self.folder, "rc"), "w", encoding="utf-8") as file:
            file.write(text)
        self._taken = set()
        command = ["linphonec", "-c", "rc", "-d", "6", "-l", "debug.log"] + (["-a"] if auto else [])
        self._process = Process("linphone", command, self.folder, {"HOME": self.folder})
        try:
            if server:
                wait_until(self._is_registered, 10, "registration", self._process)
            clip = list(read_wav(says)) if says else [0] * RATE
            clip += [0] * (RATE // 2)
            write_wav(os.path.join(self.folder, "says.wav"), clip * max(1, int(60 * RATE / len(clip))))
            self._type("soundcard use files")
            self._type("play says.wav")
            self._type("record heard.wav")
            self._told("record heard.wav")
        except ProcessError:
            self.stop()
            raise

    def _type(self, line):
        self._process.write(line + "\n")

    def _is_registered(self):
        self._type("status register")
        time.sleep(0.1)
        return "registered, identity" in self._process.output()

    def _told(self, pattern, timeout_s=10):
        """The match of the first line not taken yet in which the pattern is found."""
        deadline = time.monotonic() + timeout_s
        while True:
            for number, line in enumerate(self._process.output().split("\n")):
                found = re.search(pattern, line)
                if found and number not in self._taken:
                    self._taken.add(number)
                    return found
            if time.monotonic() > deadline or not self._process.running:
                raise ProcessError(f"linphone did not say '{pattern}' within {timeout_s} s\n{self._process.tail(30)}")
            time.sleep(0.02)

    # -- calls

    def dial(self, target):
        """Call; returns the call."""
        self._type("call " + target)
        return int(self._told(r"assigned id (\d+)")[1])

    def incoming(self):
        """The next call that rings here."""
        return int(self._told(r"incoming call from .*, assigned id (\d+)")[1])

    def answer(self, call):
        """Take a call that rings."""
        self._type(f"answer {call}")

    def up(self, call=None):
        """Wait until the call is up; returns it."""
        return int(self._told(rf"Call ({call or '[0-9]+'}) with .* connected")[1])

    def hangup(self, call):
        """End the call, wait until it is over."""
        self._type(f"terminate {call}")
        self.over(call)

    def over(self, call):
        """Wait for its end; what was heard is on disk then."""
        self._told(rf"Call {call} with .* (ended|error)")

    def heard(self, call):
        """Path of the WAV file of its last call, once that is over."""
        return os.path.join(self.folder, "heard.wav")

    def hold(self, call):
        """Put the other side on hold."""
        self._type(f"pause {call}")
        self._told(rf"Call {call} with .* is now paused")

    def resume(self, call):
        """Take it back."""
        self._type(f"resume {call}")

    def is_held(self, call):
        """Wait until the other side has put us on hold."""
        self._told(rf"Call {call} has been paused by")

    def press(self, call, digits, form="info"):
        """Press keys, in the form that `dtmf` said."""
        for digit in digits:
            self._type(digit)
            time.sleep(0.3)

    def digits(self, count):
        """The next keys that were pressed at the other side."""
        return "".join(self._told(r"Receiving tone (.) from")[1] for _ in range(count))

    def transfer(self, call, target):
        """Blind transfer."""
        self._type(f"transfer {call} {target}")

    def transfer_to(self, call, other):
        """Attended transfer of call's far end to other's."""
        self._type(f"transfer {call} --to-call {other}")

    # -- beside calls

    def send(self, target, text):
        """Send a MESSAGE."""
        self._type(f"chat {target} {text}")

    def message(self):
        """The text of the next MESSAGE that came."""
        return self._told(r"Message received from .*?: (.*)")[1]

    def sees(self, online):
        """Wait until its friend is online, or is not."""
        self._told("Friend.* is Online" if online else "Friend.* is Offline")

    def output(self):
        """All that it has printed."""
        return self._process.output()

    def debug(self):
        """What went on inside, SIP messages and all."""
        with open(os.path.join(self.folder, "debug.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        """End it; its calls are hung up and its registration is taken back."""
        if self._process.running:
            try:
                self._type("quit")
                self._process.wait(3)
            except ProcessError:
                pass  # then it is ended the hard way
        self._process.stop()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
