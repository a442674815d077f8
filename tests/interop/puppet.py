# A phone that tests hold by the hand: lines of JSON, commands on standard input, answers and events on standard output.
# Runs on MicroPython and on CPython; may import siplet's Phone, audio and platform.
#
# A command: {"id": 1, "do": "call", ...}; its answer: {"id": 1, "ok": true, ...}, or "ok": false and "error".
# An event is {"event": "digit", "call": 1, ...}. Calls are numbered as they come. Give one command at a time.

import asyncio
import gc
import json
import sys

from siplet import platform
from siplet.errors import CallError
from siplet.phone import Phone
from siplet.ticks import ticks_add

STATS = ("sent", "received", "lost", "late", "duplicate", "bad", "foreign", "jitter", "delay", "concealed")
STATS += ("skipped", "slips")


def tell(**fields):
    print(json.dumps(fields))


def cover(a, b, c, d, e, f, g, h):
    """Its arguments take the place of what lay unused on its caller's stack, which the collector looks at, too."""


async def used():
    """Bytes of heap in use; a task of its own runs it.

    The collector takes what lies in gaps of the C stack for alive, though a call long over has left it there. A task
    stands right below the event loop, and above it there are no gaps that anybody else writes into.
    """
    gc.collect()
    return platform.heap_used()


def make_audio(wish):
    """An audio device from {"play": path, "record": path, "repeat": bool}, "loop", or None for silence."""
    if wish == "loop":
        from siplet.audio.loop import Loop

        return Loop()
    if wish:
        from siplet.audio.wav import Wav

        return Wav(wish.get("play"), wish.get("record"), wish.get("repeat", False))
    from siplet.audio.null import Null

    return Null()


class Puppet:
    def __init__(self):
        self.phone = None
        self.calls = {}
        self.dialling = {}
        self.number = 0
        self.count = 0
        self.last = None

    # -- one method for each command

    async def do_open(self, wish):
        audio = make_audio(wish.pop("audio", None))
        self.auto = wish.pop("auto", None)
        path = wish.pop("trace", None)
        ports = wish.pop("rtp_ports", None)
        keepalive = wish.pop("keepalive_ms", 0)
        wish.setdefault("accept", ["open"])  # a peer that calls directly is none of our servers
        if path:
            self.trace = open(path, "wb")
        if ports:
            wish["rtp_ports"] = range(ports[0], ports[1], 2)
        self.phone = Phone(wish.pop("address"), audio=audio, trace=self.write_trace if path else None, **wish)
        self.phone.keepalive_ms = keepalive
        self.phone.on_state = self.on_state
        await self.phone.__aenter__()
        self.spawn(self.ring())
        return {"port": self.phone.local_port}

    async def do_call(self, wish):
        call = self.phone.call(wish["target"], wish.get("timeout_ms", 30_000))
        number = self.take(call)
        self.dialling[number] = asyncio.create_task(self.dial(number, call))
        return {"call": number}

    async def do_cancel(self, wish):
        self.dialling[wish["call"]].cancel()

    async def do_answer(self, wish):
        self.spawn(self.answer(wish["call"], self.calls[wish["call"]]))

    async def do_reject(self, wish):
        await self.calls[wish["call"]].reject(wish.get("status", 486))

    async def do_hangup(self, wish):
        await self.calls[wish["call"]].hangup()

    async def do_digits(self, wish):
        call = self.calls[wish["call"]]
        return {"sent": await call.send_digits(wish["digits"], form=wish.get("form"))}

    async def do_play(self, wish):
        return {"played": await self.calls[wish["call"]].play(wish["paths"])}

    async def do_record(self, wish):
        self.calls[wish["call"]].record(wish["path"], channels=wish.get("channels", 1))

    async def do_stop_recording(self, wish):
        return {"seconds": self.calls[wish["call"]].stop_recording()}

    async def do_hold(self, wish):
        await self.calls[wish["call"]].hold()

    async def do_resume(self, wish):
        await self.calls[wish["call"]].resume()

    async def do_transfer(self, wish):
        call = self.calls[wish["call"]]
        self.spawn(self.follow("transferred", wish["call"], call.transfer(wish["target"])))

    async def do_transfer_to(self, wish):
        call, other = self.calls[wish["call"]], self.calls[wish["other"]]
        self.spawn(self.follow("transferred", wish["call"], call.transfer_to(other)))

    async def do_message(self, wish):
        try:
            return {"status": await self.phone.send_message(wish["target"], wish["text"])}
        except CallError as error:
            return {"status": error.status}

    async def do_listen(self, wish):
        self.phone.on_message(lambda text: tell(event="message", remote=text.sender, text=text.text))

    async def do_watch(self, wish):
        self.watched = await self.phone.subscribe(
            wish["target"], wish.get("what", "presence"), expires=wish.get("expires", 3600)
        )
        self.spawn(self.watch(self.watched))

    async def do_unwatch(self, wish):
        self.watched.stop()

    async def do_watchers(self, wish):
        self.phone.watchers("all", details=True)

    async def do_publish(self, wish):
        try:
            return {"status": await self.phone.publish(wish["online"], wish.get("note", ""))}
        except CallError as error:  # watchers are told all the same
            return {"status": error.status}

    async def do_state(self, wish):
        phone = self.phone
        answer = {"registration": phone.registration, "status": phone.registration_status, "faults": phone.faults}
        endpoint = phone.endpoint
        answer["usages"] = len(endpoint.usages)
        answer["received"], answer["unusable"] = phone.received, endpoint.dropped + endpoint.refused
        answer["calls"] = len(self.calls)
        answer["count"] = self.count
        links = phone._delivery and phone._delivery.links
        answer["streams"] = len(links.links) if links else 0
        answer["pongs"] = sum([link._codec.pongs for link in links.links]) if links else 0
        answer["stream_error"] = links.last_error if links else ""
        if wish.get("call") in self.calls:
            call = self.calls[wish["call"]]
            answer["state"], answer["held"] = call.state, call.held
            answer["encrypted"] = call.is_encrypted()
        return answer

    async def do_stats(self, wish):
        call = self.calls.get(wish.get("call"), self.last)
        stats = call.stats
        answer = {name: getattr(stats, name) for name in STATS if hasattr(stats, name)}
        answer["rtp_port"] = call.line._udp.port
        return answer

    async def do_quality(self, wish):
        return {"quality": self.calls.get(wish.get("call"), self.last).quality()}

    async def do_lose(self, wish):
        # one of so many packets of the voice is not sent from now on
        stream = self.calls[wish["call"]].stream
        send = stream._write

        def sometimes(packet):
            self.lost = getattr(self, "lost", 0) + (packet[1] < 200)
            return (packet[1] < 200 and self.lost % wish["every"] == 0) or send(packet)

        stream._write = sometimes

    async def do_heap(self, wish):
        self.last = None
        self.phone.last_quality = None  # how good the last call was: no two records are alike
        # Answers are kept for 32 s: the endpoint hears that these are over, or the lengths of their ids would count.
        self.phone.endpoint.handle_timers(ticks_add(platform.now(), 40_000))
        self.phone.pump()
        await platform.sleep_ms(20)
        return {"used": await self.spawn(used())}

    async def do_wait_registered(self, wish):
        return {"registered": await self.phone.wait_registered(wish.get("timeout_ms", 5000))}

    async def do_close(self, wish):
        await self.phone.close()

    # -- what goes on beside the commands

    def spawn(self, coroutine):
        # asyncio holds a task only as long as it runs, and the puppet needs it no longer either.
        return asyncio.create_task(coroutine)

    def take(self, call):
        self.number += 1
        self.calls[self.number] = call
        return self.number

    async def ring(self):
        async for call in self.phone:
            number = self.take(call)
            if self.auto == "answer":
                self.spawn(self.answer(number, call))
            else:
                tell(event="incoming", call=number, remote=call.remote)
                self.spawn(self.watch_ring(number, call))
            # Or the last one would be kept while the next is waited for, by this name and by what lay on our stack.
            call = cover(0, 0, 0, 0, cover(0, 0, 0, 0, 0, 0, 0, 0), 0, 0, 0)

    async def watch_ring(self, number, call):
        await call.ended()
        if number in self.calls and call.stats is None:
            self.finish(number, call)

    async def dial(self, number, call):
        try:
            try:
                await call.connect(call.timeout_ms)
            finally:
                del self.dialling[number]
        except CallError as error:
            await call.ended(5000)
            tell(event="failed", call=number, error=type(error).__name__, status=error.status, reason=error.reason)
            self.calls.pop(number, None)
            return
        except asyncio.CancelledError:
            await call.ended(5000)
            tell(event="cancelled", call=number, status=call.status)
            self.calls.pop(number, None)
            return
        await self.live(number, call)

    async def answer(self, number, call):
        try:
            await call.answer()
        except CallError as error:
            tell(event="failed", call=number, error=type(error).__name__, status=error.status, reason=error.reason)
            self.calls.pop(number, None)
            return
        await self.live(number, call)

    async def live(self, number, call):
        if not self.auto:
            tell(event="up", call=number)
        try:
            async for digit in call.digits():
                tell(event="digit", call=number, digit=digit)
        except CallError:
            pass
        await call.hangup()
        self.finish(number, call)

    def finish(self, number, call):
        self.count += 1
        self.last = call
        del self.calls[number]
        if not self.auto:
            tell(event="ended", call=number, status=call.status, reason=call.reason, how=call.how)

    async def follow(self, kind, number, doing):
        try:
            await doing
            tell(event=kind, call=number, status=200)
        except CallError as error:
            tell(event=kind, call=number, status=error.status, error=type(error).__name__)

    async def watch(self, watched):
        async for seen in watched:
            if hasattr(seen, "lamp"):
                tell(event="lamp", lamp=seen.lamp, remotes=[dialog.remote for dialog in seen.dialogs])
            elif hasattr(seen, "waiting"):
                tell(event="mailbox", waiting=seen.waiting, counts=seen.counts)
            else:
                tell(event="presence", online=seen.open, note=seen.note, state=watched.state)
        tell(event="unwatched", state=watched.state, status=watched.status)

    def on_state(self, state, status):
        tell(event="registration", state=state, status=status)

    def write_trace(self, sent, data, address):
        head = "%s %d %s:%d %d\n" % (">>>" if sent else "<<<", platform.now(), address[0], address[1], len(data))
        self.trace.write(head.encode())
        self.trace.write(data)
        self.trace.write(b"\n")
        self.trace.flush()

    async def run(self):
        platform.install()
        tell(event="ready")
        while True:
            await platform.readable(sys.stdin)
            line = sys.stdin.readline()
            if not line:
                return
            wish = json.loads(line)
            number, name = wish.pop("id"), wish.pop("do")
            try:
                answer = await getattr(self, "do_" + name)(wish) or {}
                tell(id=number, ok=True, **answer)
            except Exception as error:
                platform.print_exception(error)
                tell(id=number, ok=False, error=repr(error))
            if name == "close":
                return


asyncio.run(Puppet().run())
