# Pages: speech to everybody at once, plain RTP to a multicast group without any signalling, as Yealink, Snom, Fanvil,
# 2N and Algo send and hear it. paging_speech.py speaks them. May import paging_audio, net and what they may.
#
# A page begins with the first packet of a known static payload type (RFC 3551 table 4) and ends when none came for a
# while. Groups stand in the order of their priority:
#
#                    nothing plays  a lower page plays  this page plays  a higher or equal one  a call is up
#   a packet comes   play           interrupt           (the stream's)   ignore                 interrupt or ignore
#
# Who speaks first is heard: packets of another source in the same group are foreign to its stream. What is ignored is
# read and dropped, so that a page which still goes on is heard from the moment the way is free.

import asyncio

from micropython import const

from siplet import platform
from siplet.errors import LocalError
from siplet.media.rtp import HEADER
from siplet.net.multicast import Listener, group
from siplet.offer import Agreement
from siplet.paging_audio import Lent, Still, find_call, hand_on, make_stream, narrow, speeches

CODECS = {0: b"PCMU", 8: b"PCMA", 9: b"G722"}

_LOOK = const(5)  # ticks between looks at what else wants the speaker
_DATAGRAM = const(1500)

PLAY, INTERRUPT, IGNORE = 0, 1, 2


def verdict(place, playing, in_call, interrupts_calls):
    """What becomes of a page of the group in that place, 0 the highest. playing: the place of the page that plays, or
    None; in_call: a call has the speaker."""
    if in_call and not interrupts_calls:
        return IGNORE
    if playing is not None:
        return INTERRUPT if place < playing else IGNORE
    return INTERRUPT if in_call else PLAY


class Page:
    """One page that plays. place: of its group; source: (host, port) of who speaks; stats: of its stream."""

    def __init__(self, place, source, stream):
        self.place = place
        self.source = source
        self.stream = stream
        self.stats = stream.stats


class Pages:
    """Hears pages for a Phone: groups, "address:port" each, the most important first.

    interrupts_calls: a page is heard instead of the call meanwhile, which hears and says silence; else a call keeps the
    speaker, and one that begins takes it. silence_ms: after which a page is over. on_page: callable(Page, begins), or
    None. playing: the Page, or None. Our own pages are not heard. LocalError for a group that is none, or a phone that
    is not open; OSError when a group cannot be joined.
    """

    on_page = playing = _former = None

    def __init__(self, phone, groups, interrupts_calls=False, silence_ms=1000):
        self.phone = phone
        self._interrupts = interrupts_calls
        self._silence = silence_ms // 20
        self._free = asyncio.Event()
        self._free.set()
        self._lent = None
        self._tasks = []
        self._sockets = []
        if not phone.endpoint or phone._closed:
            raise LocalError("pages are heard by a phone that is open")
        interface = phone.local_address or "0.0.0.0"
        try:
            for text in groups:
                self._sockets.append(Listener(*group(text), interface))
        except (OSError, LocalError):
            self.close()
            raise
        for place in range(len(self._sockets)):
            self._tasks.append(asyncio.create_task(self._listen(place)))
        phone._tasks.extend(self._tasks)  # so that they end with it

    def close(self):
        """Leave the groups."""
        for task in self._tasks:
            task.cancel()
        for udp in self._sockets:
            udp.close()

    # -- one group

    async def _listen(self, place):
        udp = self._sockets[place]
        try:
            while True:
                await platform.readable(udp.socket)
                data = udp.datagram(_DATAGRAM)
                if data and len(data) > HEADER and data[0] & 0xC0 == 0x80 and data[1] & 127 in CODECS:
                    if any(speech.source == udp.source for speech in speeches(self.phone)):
                        continue
                    await self._take(place, udp, data[1] & 127)
        finally:
            udp.close()

    async def _take(self, place, udp, number):
        while True:
            playing = self.playing
            said = verdict(place, playing and playing.place, self._has_speaker(), self._interrupts)
            if said == IGNORE:
                return
            if not playing:
                break
            playing.stream.stop()
            await self._free.wait()
        try:
            await self._play(place, udp, number)
        except Exception as error:  # the audio device, or no room: this page is not heard
            platform.print_exception(error)
        if udp.peer or not udp.socket:  # it hears who spoke alone, or nobody
            while not _is_open(udp):  # a network that is gone comes back
                await platform.sleep_ms(1000)

    def _call(self):
        return find_call(self.phone)

    def _has_speaker(self):
        # Whether a call has it, or one that is over has not yet stopped it
        call = self._call()
        if call:
            self._former = call
        elif self._former and self._former.line.silent.is_set():
            self._former = None
        return bool(self._former)

    async def _play(self, place, udp, number):
        self._free.clear()
        host, port = udp.source
        page = stream = None
        audio = self.phone.audio
        device = Lent(audio, self._call, self._is_taken)
        try:
            stream = make_stream(self.phone, udp, device)
            self.playing = page = Page(place, udp.source, stream)
            call = self._call()
            if call:
                self._lend(call)
                device.tune(8000)
            stream.configure(Agreement(host, port, CODECS[number], number, -1, "recvonly", 20))
            self._tell(page, True)
            watch = asyncio.create_task(self._watch(page, device))
            try:
                await stream.run()
            finally:
                watch.cancel()
        finally:
            if self._lent or not self._call():
                narrow(self.phone, stream)
            self._give_back(device)
            hand_on(self.phone)
            self.playing = None
            self._free.set()
            if page:
                self._tell(page, False)

    async def _watch(self, page, device):
        # Until nothing came for a while, or a call wants the speaker
        stream = page.stream
        received = quiet = 0
        while quiet < self._silence:
            await platform.sleep_ms(20 * _LOOK)
            if self._is_taken():
                if not self._interrupts:
                    break
                self._give_back(device)
                self._lend(self._call())
                device.tune(16000 if getattr(stream, "wide", None) else 8000)
            quiet = 0 if stream.stats.received != received else quiet + _LOOK
            received = stream.stats.received
        stream.stop()

    # -- the speaker of a call

    def _is_taken(self):
        call = self._call()
        return bool(call) and (not self._lent or self._lent[0] is not call.stream)

    def _lend(self, call):
        # The call goes on without microphone and speaker, at its own pace; the device itself is not begun anew
        stream = call.stream
        self._lent = stream, stream.audio, stream.muted, getattr(stream, "wide", None)
        stream.audio = Still()
        stream.muted = True

    def _give_back(self, device):
        if not self._lent:
            return
        stream, audio, muted, former = self._lent
        self._lent = None
        now = getattr(stream, "wide", None)
        stream.audio, stream.muted = audio, muted
        if stream._stopped:
            return
        if bool(now) != bool(former):  # another codec was agreed on meanwhile, but the audio object is not told yet
            from siplet.sound.wideband import widen

            stream.wide = former
            widen(stream)
        if audio is device.audio:
            device.tune(16000 if now else 8000)

    def _tell(self, page, begins):
        if self.on_page:
            self.phone._guard(self.on_page, page, begins)


def _is_open(udp):
    # Whether a socket is open again, for whoever speaks next
    try:
        return udp.reopen()
    except MemoryError:
        return False


def start(phone, config):
    """Hear the pages that paging.* of the configuration names; returns Pages, kept in phone.pages."""
    phone.pages = Pages(phone, config["paging.groups"], config["paging.interrupts_calls"], config["paging.silence_ms"])
    return phone.pages
