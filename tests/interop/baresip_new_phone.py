# A current baresip as a phone that tests hold by lines of JSON (child.py): commands on standard input, events on
# standard output. Run by the peers' Python, which has baresip-python; imports that and the standard library.
#
# Its folder is the working directory: it says says.wav over and over, what it hears (in the last call) is heard.wav.

import asyncio
import json
import sys

import baresip


def tell(**fields):
    print(json.dumps(fields), flush=True)


class Phone:
    def __init__(self):
        self.calls = {}
        self.number = 0
        self.running = True
        self.tasks = set()

    # -- one method for each command

    async def do_open(self, wish):
        text = f"sip_listen 127.0.0.1:{wish['port']}\nsip_transports {wish['transport']}\n"
        text += f"rtp_ports {wish['media_port']}-{wish['media_port'] + 39}\n"
        # No sound card sets the pace: room for a scheduler that is busy with other tests.
        text += "audio_jitter_buffer_type fixed\naudio_jitter_buffer_ms 60-300\naudio_buffer 60-300\n"
        if wish["rate"] != 8000:
            text += f"ausrc_srate {wish['rate']}\nauplay_srate {wish['rate']}\n"
        if wish.get("ca"):
            text += f"sip_certificate {wish['pair']}\nsip_cafile {wish['ca']}\nsip_verify_server yes\n"
        self.auto = wish["auto"]
        self.runtime = baresip.Runtime()
        config = baresip.Config(
            net_interface="127.0.0.1",
            audio_source="aufile,says.wav",
            audio_player="aufile,heard.wav",
            native_log_level="debug",
            sip_trace=True,
            max_concurrent_calls=None,
            extra_config_text=text,
        )
        await self.runtime.start(config)
        account = baresip.Account(
            wish["user"],
            wish["server"] or "127.0.0.1",
            wish["password"],
            reg_interval=60 if wish["server"] else 0,
            transport=wish["transport"],
            audio_codecs=tuple(wish["codecs"]),
            dtmf_mode=wish["dtmf"],
            extra_params={"": (), "offer": ("mediaenc=srtp",), "require": ("mediaenc=srtp-mand",)}[wish["srtp"]],
        )
        self.agent = await baresip.UserAgent.create(self.runtime, account, transfer_policy="auto")
        self.agent.on_incoming(self.on_incoming)
        self.agent.on_transfer_call(self.on_transfer_call)
        if wish["server"]:
            await self.agent.register()

    async def do_call(self, wish):
        return {"call": self.take(await self.agent.dial(wish["target"]))}

    async def do_answer(self, wish):
        await self.calls[wish["call"]].answer()

    async def do_reject(self, wish):
        await self.calls[wish["call"]].reject()

    async def do_hangup(self, wish):
        if wish["call"] in self.calls:
            await self.calls[wish["call"]].hangup()

    async def do_hold(self, wish):
        await self.calls[wish["call"]].hold()

    async def do_resume(self, wish):
        await self.calls[wish["call"]].resume()

    async def do_digits(self, wish):
        await self.calls[wish["call"]].send_dtmf(wish["digits"])

    async def do_transfer(self, wish):
        self.spawn(self.transferred(wish["call"], self.calls[wish["call"]].transfer(wish["target"], timeout=8)))

    async def do_transfer_to(self, wish):
        call, other = self.calls[wish["call"]], self.calls[wish["other"]]
        self.spawn(self.transferred(wish["call"], call.attended_transfer(other, timeout=8)))

    async def do_idle(self, wish):
        return {"calls": len(self.calls)}

    async def do_close(self, wish):
        self.running = False

    # -- beside the commands

    def spawn(self, coroutine):
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def transferred(self, number, outcome):
        try:
            await outcome
            tell(event="transfer", call=number, status=200)
        except baresip.BaresipError as error:
            tell(event="transfer", call=number, status=getattr(error, "status", None) or 0, error=str(error))

    def take(self, call):
        self.number += 1
        number = self.number
        self.calls[number] = call
        call.on(lambda event: self.on_event(number, event))
        return number

    def on_incoming(self, call):
        number = self.take(call)
        tell(event="incoming", call=number, remote=str(getattr(call, "peer", "")))
        if self.auto:
            self.spawn(call.answer())

    def on_transfer_call(self, call):
        tell(event="transfer_request", new=self.take(call))

    def on_event(self, number, event):
        kinds = baresip.Event
        if event.event is kinds.CALL_ESTABLISHED:
            tell(event="up", call=number)
        elif event.event is kinds.CALL_RINGING:
            tell(event="ringing", call=number)
        elif event.event is kinds.CALL_HOLD:
            tell(event="media", call=number, held=True)
        elif event.event is kinds.CALL_RESUME:
            tell(event="media", call=number, held=False)
        elif event.event is kinds.CALL_DTMF_START:
            tell(event="digit", call=number, digit=event.text)
        elif event.event is kinds.CALL_CLOSED:
            self.calls.pop(number, None)
            tell(event="ended", call=number, reason=event.text)

    async def run(self):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        tell(event="ready")
        while self.running:
            line = await reader.readline()
            if not line:
                break
            wish = json.loads(line)
            number, name = wish.pop("id"), wish.pop("do")
            try:
                answer = await getattr(self, "do_" + name)(wish) or {}
                tell(id=number, ok=True, **answer)
            except (baresip.BaresipError, ValueError, KeyError) as error:
                tell(id=number, ok=False, error=repr(error))
        for call in list(self.calls.values()):
            await call.hangup()
        await self.runtime.close()


asyncio.run(Phone().run())
