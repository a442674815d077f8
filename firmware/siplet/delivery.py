# Where messages go that no literal UDP address stands for: names, whose servers are found first, and streams. Loaded
# with the first such destination; what it needs itself is loaded when that is needed. May import platform, net and
# sip.uri.

from siplet import platform
from siplet.sip.uri import Uri
from siplet.ticks import ticks_add

_QUEUE = 8  # messages that wait for a look-up; a phone that registers and calls has two or three on their way


class Delivery:
    """phone: the Phone whose messages these are; its `streams`: options for siplet.net.links.Links."""

    def __init__(self, phone):
        self._phone = phone
        self._waiting = []
        self._locator = None
        self.links = None

    def send(self, data, destination):
        """Send data to a destination of the core (see sip/uri.py); phone.failed(destination) when it cannot be."""
        host, port = destination[0], destination[1]
        if ":" in host or not host.strip("0123456789."):
            target = host, port
        else:
            target = self._find().target(destination)
        if target is None:
            if len(self._waiting) == _QUEUE:
                self._waiting.pop(0)  # it comes again
            self._waiting.append((bytes(data), destination))
        else:
            self._send_to(data, destination, target)

    def _send_to(self, data, destination, target):
        if len(destination) > 2:
            done = self._open().send(data, destination, target)
        else:
            done = self._phone.udp.send_to(data, target[:2])
        if not done:
            self._phone.failed(destination)

    def another(self, destination):
        """Whether there is another server for destination; the present one did not serve."""
        return self._locator is not None and self._locator.failed(destination)

    def addresses(self, destination):
        """The addresses (str) that a destination's name stands for, as far as they are known."""
        return self._locator.addresses(destination) if self._locator else ()

    async def listen(self, host, port):
        """Take connections from others, too: TCP, the same port as that of UDP. OSError when it is taken."""
        return await self._open().listen(host, port)

    def close(self):
        """Give everything back."""
        if self._locator:
            self._locator.close()
        if self.links:
            self.links.close()

    # -- inside

    def _find(self):
        if self._locator is None:
            from siplet.net.locate import Locator

            self._locator = Locator(self._on_found, self._on_failed, self._phone.servers)
        return self._locator

    def _open(self):
        if self.links is None:
            from siplet.net.links import Links

            phone = self._phone
            self.links = Links(phone.take, self._lost, keepalive_ms=phone.keepalive_ms, **(phone.streams or {}))
        return self.links

    def _lost(self, destination):
        # The way back to us is gone with the connection: who was registered through it does it anew (RFC 5626 4.4),
        # within two seconds, because a server that restarts has many of us.
        phone = self._phone
        for account in phone.accounts:
            binding = account.binding
            if binding and binding.state == "registered" and Uri(account.hop).destination() == destination:
                binding.deadline = ticks_add(platform.now(), 8 * platform.random(1)[0])
        phone.failed(destination)

    def _take_out(self, destination):
        found = [data for data, place in self._waiting if place == destination]
        self._waiting = [one for one in self._waiting if one[1] != destination]
        return found

    def _on_found(self, destination):
        for data in self._take_out(destination):
            self.send(data, destination)

    def _on_failed(self, destination):
        self._take_out(destination)
        self._phone.failed(destination)
