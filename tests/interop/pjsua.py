# PJSIP (PyPI's pjsua2-python) as a peer of the tests: pjsua_phone.py in a process of its own, run by the peers' Python.
# Imports the standard library, child and siplet_tools.process.

import os
import re
import subprocess

from child import Child
from siplet_tools.process import ProcessError, free_ports, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.join(os.path.dirname(os.path.dirname(HERE)), ".venv", "peers", "bin", "python")
ENDED = 487


def has(package):
    """Whether the peers' Python can import that package."""
    try:
        return subprocess.run([PYTHON, "-c", "import " + package], capture_output=True).returncode == 0
    except OSError:
        return False


def missing():
    """What has to be installed, as one line; "" when all is there."""
    return "" if has("pjsua2") else "pjsua2-python is not installed (make peers)"


class Pjsua(Child):
    """A running PJSIP phone; a context manager that ends it. Calls are its own numbers.

    srtp: "", "offer" or "require", for the other phones, too. folder: an empty one; user, password: its account;
    server: "HOST:PORT" of its registrar or None (it is called at `uri` then); says: WAV that it speaks; auto: answers
    by itself; transport: "udp", "tcp" or "tls", the latter with certificates: (CA file, certificate file, key file);
    friend: whom it watches, an address; publish: it publishes whether it is online; codecs: as PJSIP names them; rate:
    of its sound; suites: of SRTP, as a=crypto names them.
    """

    title = "PJSIP 2.15 (pjsua2)"

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
        friend=None,
        **wish,
    ):
        self.folder = os.path.abspath(str(folder))
        os.makedirs(self.folder, exist_ok=True)
        self.port = free_ports()
        parameter = "" if transport == "udp" else ";transport=" + transport
        self.uri = f"sip:{user}@{server}{parameter}" if server else f"sip:{user}@127.0.0.1:{self.port}{parameter}"
        if certificates:
            wish["ca"], wish["certificate"], wish["key"] = certificates
        super().__init__(
            self.folder,
            "pjsua",
            [PYTHON, os.path.join(HERE, "pjsua_phone.py")],
            None,
            folder=self.folder,
            address=f"sip:{user}@{server or '127.0.0.1'}",
            user=user,
            password=password,
            server=server,
            says=says and os.path.abspath(says),
            auto=auto,
            transport=transport,
            port=self.port,
            media_port=free_ports(44),
            **wish,
        )
        if server:
            try:
                self.event("registration", status=200)
            except ProcessError:
                self.stop()
                raise
        if friend:
            self.do("watch", target=friend)

    # -- calls

    def dial(self, target):
        """Call; returns the call."""
        return self.do("call", target=target)["call"]

    def incoming(self):
        """The next call that rings here."""
        return self.event("incoming")["call"]

    def answer(self, call):
        """Take a call that rings."""
        self.do("answer", call=call)

    def up(self, call=None):
        """Wait until the call is up; returns it."""
        return self.event("up", **({"call": call} if call else {}))["call"]

    def hangup(self, call):
        """End the call, wait until it is over."""
        self.do("hangup", call=call)
        self.over(call)

    def over(self, call):
        """Wait for its end; what was heard is on disk then."""
        self.event("ended", call=call)
        self.event("recorded", call=call)

    def heard(self, call):
        """Path of the WAV file of a call that is over."""
        return os.path.join(self.folder, f"heard-{call}.wav")

    def hold(self, call):
        """Put the other side on hold."""
        self.do("hold", call=call)
        self.event("media", call=call, holding=True)

    def resume(self, call):
        """Take it back."""
        self.do("resume", call=call)
        self.event("media", call=call, holding=False)

    def is_held(self, call):
        """Wait until the other side has put us on hold."""
        self.event("media", call=call, held=True)

    def is_resumed(self, call):
        """Wait until it has taken us back."""
        self.event("media", call=call, held=False)

    def press(self, call, digits, form="info"):
        """Press keys, by "info" or "rtp"."""
        self.do("digits", call=call, digits=digits, form=form)

    def transfer(self, call, target):
        """Blind transfer."""
        self.do("transfer", call=call, target=target)

    def transfer_to(self, call, other):
        """Attended transfer of call's far end to other's."""
        self.do("transfer_to", call=call, other=other)

    def transferred(self, call):
        """The final status of the call that a transfer made."""
        while True:
            told = self.event("transfer", call=call)
            if told["final"] or told["status"] >= 200:
                return told["status"]

    # -- beside calls

    def send(self, target, text):
        """Send a MESSAGE; returns the status that answered it."""
        self.do("message", target=target, text=text)
        return self.event("message_status")["status"]

    def message(self):
        """The text of the next MESSAGE that came."""
        return self.event("message")["text"]

    def sees(self, online):
        """Wait until its friend is online, or is not."""
        while True:
            told = self.event("presence")
            if told["state"] in ("ACTIVE", "TERMINATED") and told["online"] == online:
                return told

    def show(self, online, note=""):
        """Tell watchers whether we are online."""
        self.do("online", online=online, note=note)

    def messages(self):
        """What went over the wire, from its log: [(True when it was sent, the whole text), ...]."""
        with open(os.path.join(self.folder, "pjsip.log"), encoding="utf-8", errors="replace") as file:
            text = file.read()
        found = re.findall(r"(TX|RX) \d+ bytes .*?:\n(.*?)\n--end msg--", text, re.S)
        return [(kind == "TX", message) for kind, message in found]

    def is_idle(self):
        """Wait until it has no call."""
        wait_until(lambda: self.do("idle")["calls"] == 0, 5, "end of its calls")
