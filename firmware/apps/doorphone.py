# The door phone: a bell calls people in turn, and a code opens the door, in calls of either direction.
# The relay's time outlives the call, for who opens often hangs up at once; it ends whatever happens. Imports keypad.

import asyncio

from siplet.keypad import Keypad

PAUSE = 5000  # ms without a key, after which the next key begins a new code


async def main(board, phone, config):
    """Runs until it is cancelled; doorphone.* of config. Whatever becomes of a call, it goes on."""
    door = DoorPhone(board, phone, config)
    bell = asyncio.create_task(door.answer_bell())
    try:
        async for call in phone:
            await door.talk(call)
    finally:
        bell.cancel()
        door.relay.off()


class DoorPhone:
    def __init__(self, board, phone, config):
        self.log, self.phone, self.config = board.log, phone, config
        self.bell, self.relay, self.pulses = board.button("bell"), board.relay(), 0
        self.keypad = Keypad(config["doorphone.code"], config["doorphone.max_wrong"], config["doorphone.lockout_ms"])

    async def answer_bell(self):
        while await self.bell.pressed():
            for target in self.config["doorphone.targets"]:
                if await self.talk(self.phone.call(target, timeout_ms=self.config["doorphone.ring_ms"])):
                    break

    async def talk(self, call):
        talked = False  # True when somebody was there
        self.log(f"{call.state} {call.remote}")
        try:
            async with call:
                if call.state == "incoming":
                    await call.answer()
                talked = True
                self.log("talking")
                await asyncio.wait_for(self.listen(call), self.config["doorphone.talk_ms"] / 1000)
        except Exception as error:  # refused, nobody there, time over, no network, or a fault
            self.log(f"{type(error).__name__} {error}")
        self.log("call ended")
        return talked

    async def listen(self, call):
        self.keypad.press(None)  # what the last caller began to type is forgotten
        while call.state == "up":
            verdict = self.keypad.press(await call.digit(timeout_ms=PAUSE))
            if verdict:
                self.log("code " + verdict)
            if verdict == "right":
                self.opening = asyncio.create_task(self.open_door())

    async def open_door(self):
        self.pulses += 1
        self.relay.on()
        await asyncio.sleep(self.config["doorphone.relay_ms"] / 1000)
        self.pulses -= 1
        if not self.pulses:
            self.relay.off()
