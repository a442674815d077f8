# A current baresip (PyPI's baresip-python) as a peer of the tests: baresip_new_phone.py in a process of its own.
# Imports the standard library, child, pjsua and siplet_tools.

import os

from child import Child
from pjsua import HERE, PYTHON, has
from siplet_tools.process import free_ports, wait_until
from siplet_tools.wav_file import RATE, read_wav, write_wav


def missing():
    """What has to be installed, as one line; "" when all is there."""
    return "" if has("baresip") else "baresip-python is not installed (make peers)"


class BaresipNew(Child):
    """A running baresip of today; a context manager that ends it. Calls are its own numbers.

    The arguments are those of Pjsua; dtmf: "info", "rtpevent" or "auto", how it presses keys; codecs; rate:
    of its sound, 8000 or 16000.
    """

    title = "baresip, current (baresip-python)"

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
        srtp="",
        codecs=("pcma", "pcmu"),
        rate=RATE,
    ):
        self.folder = os.path.abspath(str(folder))
        os.makedirs(self.folder, exist_ok=True)
        self.port = free_ports(2)  # the one above is for TLS
        port = self.port + 1 if transport == "tls" else self.port
        parameter = "" if transport == "udp" else ";transport=" + transport
        self.uri = f"sip:{user}@{server or '127.0.0.1:%d' % port}{parameter}"
        clip = list(read_wav(says, rate)) if says else [0] * rate
        clip += [0] * (rate // 2)
        write_wav(os.path.join(self.folder, "says.wav"), clip * max(1, int(60 * rate / len(clip))), rate)
        wish = {}
        if certificates:
            wish["ca"] = certificates[0]
            wish["pair"] = os.path.join(self.folder, "pair.pem")  # certificate and key in one file
            with open(wish["pair"], "w", encoding="utf-8") as file:
                for path in certificates[1:]:
                    with open(path, encoding="utf-8") as part:
                        file.write(part.read())
        super().__init__(
            self.folder,
            "baresip_new",
            ["env", "-C", self.folder, PYTHON, os.path.join(HERE, "baresip_new_phone.py")],
            None,
            user=user,
            password=password,
            server=server,
            auto=auto,
            transport=transport,
            dtmf=dtmf,
            srtp=srtp,
            codecs=codecs,
            rate=rate,
            port=self.port,
            media_port=free_ports(40),
            **wish,
        )

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

    def heard(self, call):
        """Path of the WAV file of its last call, once that is over."""
        return os.path.join(self.folder, "heard.wav")

    def hold(self, call):
        """Put the other side on hold."""
        self.do("hold", call=call)

    def resume(self, call):
        """Take it back."""
        self.do("resume", call=call)

    def is_held(self, call):
        """Wait until the other side has put us on hold."""
        self.event("media", call=call, held=True)

    def is_resumed(self, call):
        """Wait until it has taken us back."""
        self.event("media", call=call, held=False)

    def press(self, call, digits, form="info"):
        """Press keys, in the form that `dtmf` said."""
        self.do("digits", call=call, digits=digits)

    def transfer(self, call, target):
        """Blind transfer."""
        self.do("transfer", call=call, target=target)

    def transfer_to(self, call, other):
        """Attended transfer of call's far end to other's."""
        self.do("transfer_to", call=call, other=other)

    def transferred(self, call):
        """The final status of the call that a transfer made, 0 for none."""
        return self.event("transfer", call=call)["status"]

    def is_idle(self):
        """Wait until it has no call."""
        wait_until(lambda: self.do("idle")["calls"] == 0, 5, "end of its calls")
