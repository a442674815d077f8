# Debian's baresip 1.0 with the verbs of the other phones: one call at a time, which needs no number.
# Imports the standard library and siplet_tools.

import os
import re

from siplet_tools import baresip
from siplet_tools.process import wait_until

missing = baresip.missing
_LINES = "module_app presence.so\n"
_SRTP = {"": "", "offer": ";mediaenc=srtp", "require": ";mediaenc=srtp-mand"}


class BaresipOld:
    """A running baresip 1.0; a context manager that ends it. Arguments as those of Pjsua; friend: whom it can write to
    and watches, an address."""

    title = "baresip 1.0 (Debian)"

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
        srtp="",
    ):
        folder = os.path.abspath(str(folder))
        os.makedirs(folder, exist_ok=True)
        wish = {}
        if certificates:
            wish["ca"] = certificates[0]
            wish["certificate"] = os.path.join(folder, "pair.pem")
            with open(wish["certificate"], "w", encoding="utf-8") as file:
                for path in certificates[1:]:
                    with open(path, encoding="utf-8") as part:
                        file.write(part.read())
        self._baresip = baresip.Baresip(
            folder,
            user,
            password,
            server,
            says=says,
            answer="auto" if auto else "manual",
            transport=transport,
            contacts=f'"Friend" <{friend}>;presence=p2p;access=allow\n' if friend else "",
            lines=_LINES + ("module srtp.so\n" if srtp else ""),
            parameters=_SRTP[srtp],
            **wish,
        )
        self.uri = self._baresip.uri
        self._read = 0

    def _told(self, pattern, timeout_s=10):
        """The match of the pattern in what it printed after the last match."""

        def found():
            match = re.search(pattern, self._baresip.output()[self._read :])
            if match:
                self._read += match.end()
            return match

        return wait_until(found, timeout_s, pattern)

    # -- calls

    def dial(self, target):
        """Call; returns the call."""
        self._baresip.command("dial", target)
        return 0

    def incoming(self):
        """The next call that rings here."""
        self._baresip.wait_event("CALL_INCOMING")
        return 0

    def answer(self, call):
        """Take a call that rings."""
        self._baresip.command("accept")

    def up(self, call=None):
        """Wait until the call is up; returns it."""
        self._baresip.wait_event("CALL_ESTABLISHED")
        return 0

    def hangup(self, call):
        """End the call, wait until it is over."""
        self._baresip.command("hangup")
        self.over(call)

    def over(self, call):
        """Wait for its end; what was heard is on disk then."""
        self._baresip.wait_event("CALL_CLOSED")

    def heard(self, call):
        """Path of the WAV file of its last call, once that is over."""
        return self._baresip.heard()

    def hold(self, call):
        """Put the other side on hold."""
        self._baresip.command("hold")

    def resume(self, call):
        """Take it back."""
        self._baresip.command("resume")

    def is_held(self, call):
        """Wait until the other side has put us on hold: it says so only in its log."""
        self._told(r"(?i)hold|sendonly|inactive")

    def digits(self, count):
        """The next keys that were pressed at the other side."""
        return self._baresip.digits(count)

    def transfer(self, call, target):
        """Blind transfer."""
        self._baresip.command("transfer", target)

    # -- beside calls

    def send(self, target, text):
        """Send a MESSAGE to its friend."""
        self._baresip.command("message", text)

    def message(self):
        """The text of the next MESSAGE that came."""
        return self._told(r'sip:[^ ]*: "(.*)"')[1]

    def show(self, online):
        """Tell watchers whether we are online."""
        self._baresip.command("presence_online" if online else "presence_offline")

    def sees(self, online):
        """Wait until its friend is online, or is not."""

        def seen():
            row = next(row for row in self._baresip.command("contacts").split("\n") if "Friend" in row)
            return ("Online" if online else "Offline") in row

        wait_until(seen, 10, "presence of its friend")

    def output(self):
        """All that it has printed."""
        return self._baresip.output()

    def stop(self):
        """End it."""
        self._baresip.stop()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
