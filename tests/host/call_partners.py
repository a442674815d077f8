# Who is at the other end of the host's calls in these tests: applications of siplet on MicroPython with the PC as their
# board, and phones on this CPython that do what is asked of them.

import asyncio
import contextlib
import json
import os
import time

from siplet.audio.loop import Loop
from siplet.audio.null import Null
from siplet.phone import Phone
from siplet_tools import interpreter
from siplet_tools.process import Process, free_ports
from siplet_tools.wire.board_log import BoardLog
from siplet_tools.wire.call_report import Report

HERE = "127.0.0.1"
KEPT = (b"via", b"from", b"to", b"call-id", b"cseq")
MAIN = os.path.join(interpreter.ROOT, "firmware", "main.py")


QUALITY = {
    "packets_received": 500,
    "packets_sent": 500,
    "loss_percent": 0.0,
    "lost": 0,
    "discarded_percent": 0.0,
    "discarded": 0,
    "bursts": 0,
    "burst_ms": 0,
    "jitter_ms": 3,
    "mos": 4.4,
    "round_trip_ms": 8,
    "delay_ms": 90,
    "far_lost": 0,
    "far_loss_percent": 0.0,
    "far_discarded_percent": 0.0,
    "far_jitter_ms": 2,
    "far_mos": 4.3,
    "reports_received": 2,
}


class App:
    """with App(folder, app, **groups of its configuration) as app: .target, .log (a BoardLog that follows it)."""

    def __init__(self, folder, app, **groups):
        self.control = free_ports()
        config = {
            "app": app,
            "control": {"port": self.control},
            "sip": {"address": f"sip:{app}@{HERE}", "local_address": HERE, "local_port": 0, "accept": [HERE]},
        }
        for name, group in groups.items():
            config.setdefault(name, {}).update(group)
        path = folder / (app + ".json")
        path.write_text(json.dumps(config))
        self._process = Process(app, [interpreter.find(), MAIN, str(path)], folder, interpreter.environment())
        self._seen = 0
        self.log = BoardLog()
        self.log.follow(self._read)

    def _read(self):
        time.sleep(0.02)
        data = self._process.output().encode()
        fresh, self._seen = data[self._seen :], len(data)
        return fresh

    def __enter__(self):
        try:
            self.app, self.target, self.host = self.log.wait_ready(10)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.log.close()
        self._process.stop()

    async def press_bell(self):
        """Whoever stands at the door."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(HERE, self.control))
        transport.sendto(b"bell")
        await asyncio.sleep(0)
        transport.close()


@contextlib.asynccontextmanager
async def server(**statuses):
    """async with server(REGISTER=403, INVITE=404) as port: a SIP server that answers just that."""

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, source):
            head = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
            status = statuses.get(head[0].split(b" ")[0].decode())
            if status:
                kept = [line for line in head[1:] if line.split(b":")[0].lower() in KEPT]
                lines = [b"SIP/2.0 %d Said" % status, *kept, b"Contact: <sip:x@%s>;expires=60" % HERE.encode()]
                self.transport.sendto(b"\r\n".join([*lines, b"Content-Length: 0", b"", b""]), source)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, local_addr=(HERE, 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@contextlib.asynccontextmanager
async def far_end(deed, audio=None, **options):
    """async with far_end(deed) as target: a phone for whose first call deed(call) is awaited."""
    options.setdefault("accept", ("open",))
    options.setdefault("sound", {"sound.hands_free": "off", "sound.progress_tones": False})
    async with Phone(f"sip:far@{HERE}", local_address=HERE, local_port=0, audio=audio or Loop(), **options) as phone:

        async def take():
            call = await phone.incoming(timeout_ms=10_000)
            await deed(call)

        task = asyncio.create_task(take())
        try:
            yield f"sip:far@{HERE}:{phone.local_port}"
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
        finally:
            task.cancel()


async def talk(call):
    """Answers, and stays until the call is over."""
    await call.answer()
    await call.ended()


def losing(every):
    """A deed: answers, and one of `every` packets of its sound never leaves."""

    async def deed(call):
        await call.answer()
        send, count = call.stream._write, [0]

        def sometimes(packet):
            count[0] += 1
            return count[0] % every == 0 or send(packet)

        call.stream._write = sometimes
        await call.ended()

    return deed


async def say_nothing(call):
    """A deed: answers, and no packet of sound ever leaves."""
    udp = call.session.media.udp
    udp.send = lambda packet: True
    udp.send_to = lambda packet, address: True
    await talk(call)


async def fall_silent(call):
    """A deed: answers, and sends some sound, but not for long."""
    await call.answer()
    await asyncio.sleep(0.3)
    call.stream._write = lambda packet: True
    await call.ended()


async def hold(call):
    """A deed: answers, and does not want to hear any more."""
    await call.answer()
    await call.hold()
    await call.ended()


def silent():
    """The audio object of a phone without a microphone."""
    return Null()


def good(quality=(), **changes):
    """The Report of a call that went well, but for these figures of its quality and these fields."""
    report = Report("sip:door@10.0.0.2", answered=True, seconds=10.0, codec="PCMA", sound="sendrecv", setup_ms=40)
    report.quality = {**QUALITY, **dict(quality)}
    report.level_dbov, report.activity, report.how = -24.0, 0.6, "local"
    report.local = "10.0.0.1:5060"
    for name, value in changes.items():
        assert hasattr(report, name)
        setattr(report, name, value)
    return report


def faults(verdicts):
    """The texts of those that failed, but for what a computer makes that is busy with other tests: packets are on time
    on loopback, who reads them is not.
    """
    found = []
    for one in verdicts:
        kind, text = (one["kind"], one["text"]) if isinstance(one, dict) else (one.kind, one.text)
        if kind == "failed" and not any(word in text for word in ("too late", "MOS", "delay one way")):
            found.append(text)
    return found
