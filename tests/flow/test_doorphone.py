# apps/doorphone.py with a board, a phone and calls that follow a script, in virtual time: who is rung, when the relay
# is on, what becomes of wrong codes, and that nothing stops the door phone.

import asyncio

import virtual_time
from apps import doorphone
from siplet.config import load
from siplet.errors import CallCancelled, CallLost, CallRejected, CallTimeout
from siplet.keypad import Keypad

NEEDS = ("event_loop",)


class Story:
    """Everything that happens, with its time in ms: a board, a phone, and the calls that they make."""

    def __init__(self, **settings):
        given = {"targets": ["sip:1@pbx", "sip:2@pbx", "sip:3@pbx"], "code": "4711", "relay_ms": 3000}
        given.update(settings)
        self.config = load({"sip": {"address": "sip:door@pbx"}, "doorphone": given})
        self.start = virtual_time.now()
        self.events = []
        self.answers = {}  # target -> what becomes of a call to it: an exception, or the keys pressed
        self.rung = []  # calls that ring here
        self.somebody = asyncio.Event()
        self.pressed_event = asyncio.Event()
        self.value = False
        self.calls = []

    # the board

    def log(self, text):
        self.events.append((self.ms(), text))

    def button(self, name):
        assert name == "bell"
        return self

    def relay(self):
        return self

    async def pressed(self, timeout_ms=None):
        self.pressed_event.clear()
        await self.pressed_event.wait()
        return True

    def on(self):
        if not self.value:
            self.log("relay on")
        self.value = True

    def off(self):
        if self.value:
            self.log("relay off")
        self.value = False

    # the phone

    def call(self, target, timeout_ms):
        return Call(self, target, "calling", self.answers.get(target, CallTimeout(408, "No answer")), timeout_ms)

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self.rung:
            self.somebody.clear()
            await self.somebody.wait()
        return self.rung.pop(0)

    # the script

    def ms(self):
        return virtual_time.now() - self.start

    def ring(self, keys):
        """Somebody calls the door phone and presses these keys."""
        self.rung.append(Call(self, "sip:caller@pbx", "incoming", keys, None))
        self.somebody.set()

    async def bell(self, wait_ms):
        self.pressed_event.set()
        await asyncio.sleep(wait_ms / 1000)

    def times(self, text):
        return [ms for ms, event in self.events if event == text]


class Call:
    """keys: a str of them, 200 ms apart, "-" a second's wait, "." the far end hangs up; or an exception."""

    def __init__(self, story, remote, state, keys, timeout_ms):
        self.story, self.remote, self.state, self.keys, self.timeout_ms = story, remote, state, keys, timeout_ms
        self.at = 0
        story.calls.append(self)

    async def __aenter__(self):
        if self.state == "calling":
            self.story.log("ringing " + self.remote)
            await self._fate()
            self.state = "up"
        return self

    async def answer(self):
        await self._fate()
        self.state = "up"

    async def _fate(self):
        if isinstance(self.keys, Exception):
            if isinstance(self.keys, CallTimeout):
                await asyncio.sleep(self.timeout_ms / 1000)
            self.state = "ended"
            raise self.keys

    async def __aexit__(self, kind, error, trace):
        self.state = "ended"
        self.story.log("hung up " + self.remote)

    async def digit(self, timeout_ms=None):
        assert self.state == "up"
        waited = 0
        while waited < timeout_ms:
            key = self.keys[self.at : self.at + 1]
            step = 1000 if key == "-" else 200 if key else timeout_ms - waited
            if waited + step > timeout_ms:
                await asyncio.sleep((timeout_ms - waited) / 1000)
                if key == "-":  # the rest of this second is for the next wait; good enough for a script
                    self.at += 1
                return None
            await asyncio.sleep(step / 1000)
            waited += step
            self.at += bool(key)
            if key == ".":
                self.state = "ended"
                return None
            if key == "!":
                self.state = "ended"
                raise CallLost(0, "no answer to a re-INVITE")
            if key and key != "-":
                return key
        return None


def play(script, **settings):
    """Runs the door phone while script(story), a coroutine function, has its say; the story."""

    async def whole():
        story = Story(**settings)
        doorphone.Keypad = lambda *settings: Keypad(*settings, now=virtual_time.now)
        task = asyncio.create_task(doorphone.main(story, story, story.config))
        await asyncio.sleep(0.01)
        await script(story)
        assert not task.done()  # whatever it was, the door phone goes on
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
        assert not story.value  # the relay is off at the end of every story
        await asyncio.sleep(0.01)
        assert not [call for call in story.calls if call.state == "up"]
        return story

    return virtual_time.run(whole())


def near(times, *wanted):
    return len(times) == len(wanted) and all(abs(a - b) <= 60 for a, b in zip(times, wanted))


def test_the_bell_rings_the_targets_in_turn_until_one_answers():
    async def script(story):
        story.answers = {"sip:2@pbx": CallRejected(486, "Busy Here"), "sip:3@pbx": "-."}
        await story.bell(20000)

    story = play(script, ring_ms=5000)
    assert near(story.times("ringing sip:1@pbx"), 10)
    assert near(story.times("ringing sip:2@pbx"), 5010)  # after the first one's ring time
    assert near(story.times("ringing sip:3@pbx"), 5010)  # at once: the second was busy
    assert near(story.times("talking"), 5010)
    assert near(story.times("hung up sip:3@pbx"), 6200)


def test_whoever_answers_is_the_last_to_be_rung():
    async def script(story):
        story.answers = {"sip:1@pbx": "--."}
        await story.bell(60000)

    story = play(script)
    assert not story.times("ringing sip:2@pbx")


def test_presses_while_it_rings_or_talks_are_nothing():
    async def script(story):
        story.answers = {"sip:1@pbx": "---."}
        for _ in range(3):
            await story.bell(1000)
        await asyncio.sleep(5)
        assert len(story.times("ringing sip:1@pbx")) == 1
        await story.bell(1000)
        assert len(story.times("ringing sip:1@pbx")) == 2

    play(script)


def test_the_code_opens_the_relay_for_its_time_during_the_call():
    async def script(story):
        story.answers = {"sip:1@pbx": "-4711#----------."}
        await story.bell(20000)

    story = play(script, relay_ms=3000)
    assert near(story.times("relay on"), 1810) and near(story.times("relay off"), 4810)


def test_the_relay_has_its_time_when_the_call_ends_early_and_no_more():
    async def script(story):
        story.answers = {"sip:1@pbx": "4711."}
        await story.bell(1500)
        assert story.value
        await asyncio.sleep(10)

    story = play(script, relay_ms=3000)
    assert near(story.times("hung up sip:1@pbx"), 1010)
    assert near(story.times("relay on"), 810) and near(story.times("relay off"), 3810)


def test_the_relay_goes_off_when_the_program_ends_or_the_call_breaks():
    async def script(story):
        story.answers = {"sip:1@pbx": "4711!"}
        await story.bell(1500)
        assert story.value  # play() looks that it is off after the end

    story = play(script, relay_ms=60000)
    assert story.times("CallLost 0 no answer to a re-INVITE")


def test_a_second_code_keeps_the_relay_on_without_a_break():
    async def script(story):
        story.answers = {"sip:1@pbx": "4711-4711--------."}
        await story.bell(30000)

    story = play(script, relay_ms=3000)
    assert near(story.times("relay on"), 810) and near(story.times("relay off"), 5610)


def test_wrong_codes_lock_out_over_several_calls_and_the_time_ends_it():
    async def script(story):
        story.answers = {"sip:1@pbx": "0000 1111.".replace(" ", "")}
        await story.bell(5000)
        story.ring("2222.")  # the third wrong one, from another phone
        await asyncio.sleep(5)
        story.ring("4711.")
        await asyncio.sleep(5)
        assert not story.times("relay on") and len(story.times("code locked")) == 1
        await asyncio.sleep(60)
        story.ring("4711.")
        await asyncio.sleep(5)
        assert len(story.times("relay on")) == 1

    story = play(script, max_wrong=3, lockout_ms=60000)
    assert len(story.times("code wrong")) == 3


def test_half_a_code_is_forgotten_after_a_pause_and_with_the_call():
    async def script(story):
        story.ring("47------11.")
        await asyncio.sleep(20)
        story.ring("47.")
        await asyncio.sleep(5)
        story.ring("11.")
        await asyncio.sleep(5)

    story = play(script)
    assert not story.times("relay on") and not story.times("code wrong")


def test_a_talk_has_an_end():
    async def script(story):
        story.answers = {"sip:1@pbx": "-" * 1000}
        await story.bell(300000)
        story.ring("-" * 1000)
        await asyncio.sleep(300)

    story = play(script, talk_ms=120000)
    assert near(story.times("hung up sip:1@pbx"), 120010) and near(story.times("hung up sip:caller@pbx"), 420010)


def test_incoming_calls_are_answered_and_may_open():
    async def script(story):
        story.ring("4711-.")
        await asyncio.sleep(10)

    story = play(script)
    assert story.times("talking") and story.times("relay on")


def test_it_goes_on_after_every_failure():
    failures = (
        CallRejected(486, "Busy Here"),
        CallRejected(503, "no network"),
        CallTimeout(408, "No answer"),
        CallLost(0, "gone"),
        OSError(101),
        ValueError("a bug"),
        MemoryError(),
    )

    async def script(story):
        for failure in failures:
            story.answers = {"sip:1@pbx": failure, "sip:2@pbx": failure, "sip:3@pbx": failure}
            await story.bell(120000)
            story.ring(CallCancelled(487, "Request Terminated") if failure is failures[2] else failure)
            await asyncio.sleep(120)
        story.answers = {"sip:1@pbx": "4711-."}
        await story.bell(10000)
        story.ring("4711-.")
        await asyncio.sleep(10)

    story = play(script)
    assert len(story.times("ringing sip:3@pbx")) == len(failures)
    assert len(story.times("relay on")) == 2


def test_without_targets_and_without_a_code_it_is_a_phone_that_answers():
    async def script(story):
        await story.bell(1000)
        story.ring("0000####1234-.")
        await asyncio.sleep(10)

    story = play(script, targets=[], code="")
    assert story.times("talking") and not story.times("code wrong")
