# A line: what one call needs besides its session. May import net, offer, platform and stream.

import asyncio

from siplet import platform
from siplet.net.udp import Udp
from siplet.offer import Negotiation
from siplet.stream import Stream


class Line(Negotiation):
    """What one call needs besides its session: the RTP socket and the offer/answer about it."""

    def __init__(self, phone, session):
        self._udp = Udp(phone.bind_address, ports=phone.rtp_ports)
        random = platform.random(3)
        number = random[0] << 16 | random[1] << 8 | random[2]
        super().__init__(phone.local_address, self._udp.port, phone.codecs, session_id=number)
        self.silent = asyncio.Event()
        self._spare = phone.spare

    def stream(self, call):
        """The Stream between a Call's audio and the socket."""
        self._stream = Stream(call.audio, self._udp, platform.random, self._spare.pop() if self._spare else None)
        return self._stream

    async def run(self):
        """Run the stream until it is stopped."""
        try:
            await self._stream.run()
        finally:
            if not self._spare:
                self._spare.append(self._stream.memory)
            self._stream = None
            self.close()
            self.silent.set()

    def close(self):
        """Give the port back."""
        self._udp.close()
