# A page that we speak. May import paging_audio, net and what they may.

import asyncio

from siplet.errors import LocalError
from siplet.net.multicast import Speaker, group
from siplet.offer import Agreement
from siplet.paging_audio import Spoken, find_call, hand_on, make_stream, narrow, speeches

NUMBERS = {"PCMU": 0, "PCMA": 8, "G722": 9}  # RFC 3551 table 4


class Speech:
    """A page that we speak: `async with phone.page("224.0.1.75:10000"):` the microphone is heard in the whole group.

    audio: what is said, default the phone's, which a call has first. codec: "PCMU", "PCMA" or, of a complete phone,
    "G722"; ttl: how many routers may pass it on, and one. stats: of its stream, None before that was begun.
    """

    stats = source = None

    def __init__(self, phone, target, audio=None, codec="PCMU", ttl=1):
        if codec not in NUMBERS:
            raise LocalError(codec + ": a page goes out as PCMU, PCMA or G722")
        if not 0 <= ttl <= 255:
            raise LocalError("ttl: 0 to 255")
        host, port = group(target)
        self._agreement = Agreement(host, port, codec.encode(), NUMBERS[codec], -1, "sendonly", 20)
        self._phone = phone
        self.audio = phone.audio if audio is None else audio
        self._ttl = ttl
        self._task = self._udp = None

    async def __aenter__(self):
        phone = self._phone
        if not phone.endpoint or phone._closed or self._task:
            raise LocalError("a page is spoken once, by a phone that is open")
        self._udp = udp = Speaker(phone.local_address, phone.rtp_ports, self._ttl)
        try:
            self._stream = stream = make_stream(phone, udp, Spoken(self.audio, self._call))
            self.stats = stream.stats
            stream.configure(self._agreement)
        except BaseException:
            udp.close()
            raise
        self.source = phone.local_address, udp.port
        phone.speeches = speeches(phone) + (self,)
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, kind, error, trace):
        self._stream.stop()
        await self._task

    async def _run(self):
        try:
            await self._stream.run()
        finally:
            phone = self._phone
            phone.speeches = tuple([one for one in phone.speeches if one is not self])
            self._udp.close()
            if not self._call():
                narrow(phone, self._stream)
            hand_on(phone)

    def _call(self):
        return find_call(self._phone, self.audio)
