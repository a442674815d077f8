# siplet/improv_serial: a board that starts, a web installer on its serial line, and a Wi-Fi that is or is not there.
# The clock is the test's: whoever sleeps moves it.

import json
import os

import test_improv as packets
from fake_wifi import Platform
from siplet import improv_serial
from siplet.errors import LocalError
from siplet.platform import random

NEEDS = ("event_loop",)
DEVICE = packets.DEVICE
READY, PROVISIONING, PROVISIONED = b"\x02", b"\x03", b"\x04"


class Station:
    """A Wi-Fi: air: {name: password}."""

    def __init__(self, clock, air):
        self.clock, self.air = clock, dict(air)
        self.address = ""
        self.busy = False
        self.tries = []
        self.joining_ms = 400

    async def connect(self, name, password):
        self.tries.append((name, self.clock.ms))
        self.address = ""
        self.busy = True
        try:
            await self.clock.sleep_ms(self.joining_ms)
        finally:
            self.busy = False
        if self.air.get(name) != password:
            raise LocalError(f"wifi.password: {name} does not take it")
        self.address = "192.0.2.7"

    def scan(self):
        if self.busy:
            raise OSError("Wifi Internal State Error")
        return [(name, -50, bool(self.air[name])) for name in sorted(self.air)]


class Line:
    """says: {ms: bytes}, what the client sends, and when."""

    def __init__(self, clock, says):
        self.clock, self.says = clock, dict(says)
        self.ready = bytearray()
        self.sent = b""

    def read(self):
        for ms in sorted(self.says):
            if ms <= self.clock.ms:
                self.ready.extend(self.says.pop(ms))
        if not self.ready:
            return None
        byte = self.ready[0]
        self.ready = self.ready[1:]
        return byte

    def write(self, data):
        self.sent += data


class Story:
    """A board that starts, with the file's text, or none."""

    def __init__(self, says=None, air=None, text=None):
        self.clock = improv_serial.platform = Platform()
        self.log = []
        improv_serial.log = lambda line: self.log.append(str(line))
        self.station = Station(self.clock, {"Attic": "secret", "guests": ""} if air is None else air)
        self.line = Line(self.clock, says or {})
        self.path = "/tmp/siplet-test-" + "".join([str(c) for c in random(6)])
        if text is not None:
            with open(self.path, "w") as file:
                file.write(text)
        self.shell = improv_serial.Shell(self.station, self.path, DEVICE, self.line)

    async def listen(self, name="", password="", leave=True):
        """What listen() returns, or "prompt"; after 100 s "for ever"."""

        async def join():
            await self.station.connect(name, password)

        sleep = self.clock.sleep_ms

        async def limited(ms):
            if self.clock.ms > 100000:
                raise StopAsyncIteration
            await sleep(ms)

        self.clock.sleep_ms = limited
        try:
            return await self.shell.listen(join if name else None, leave)
        except KeyboardInterrupt:
            return "prompt"
        except StopAsyncIteration:
            return "for ever"
        finally:
            self.clock.sleep_ms = sleep

    def heard(self):
        """[(type, data), ...]."""
        return packets.frames(self.line.sent)

    def file(self):
        with open(self.path) as file:
            return json.load(file)

    def remove(self):
        for end in ("", ".new", ".broken"):
            try:
                os.remove(self.path + end)
            except OSError:
                pass


async def test_without_anybody_on_the_line_a_board_starts_at_once():
    story = Story()
    assert await story.listen("Attic", "secret") is True
    assert 1500 <= story.clock.ms < 1700 and story.line.sent == b""  # a moment for an installer that is just coming


async def test_an_installer_names_the_network_of_a_board_without_configuration():
    story = Story({2000: packets.command(2), 3000: packets.command(4), 5000: packets.settings(b"Attic", b"secret")})
    assert await story.listen() is False
    states = [data for kind, data in story.heard() if kind == packets.STATE]
    assert states == [READY, PROVISIONING, PROVISIONED]
    results = [packets.texts(data) for kind, data in story.heard() if kind == packets.RESULT]
    assert results == [(4, ["Attic", "-50", "YES"]), (4, ["guests", "-50", "NO"]), (4, []), (1, [])]
    assert story.file() == {"wifi": {"network": "Attic", "password": "secret"}}
    story.remove()


async def test_all_else_of_a_configuration_stays():
    text = json.dumps({"sip.address": "sip:a@b", "wifi": {"country_code": "DE", "network": "x"}, "wifi.password": "y"})
    story = Story({100: packets.settings(b"guests", b"")}, text=text)
    assert await story.listen() is False
    assert story.file() == {
        "sip.address": "sip:a@b",
        "wifi": {"country_code": "DE", "network": "guests", "password": ""},
    }
    assert improv_serial.wifi(story.path)["country_code"] == "DE"
    story.remove()


async def test_a_configuration_that_is_no_json_is_kept_beside():
    story = Story({100: packets.settings(b"guests", b"")}, text='{"sip": ')
    assert await story.listen() is False
    assert story.file()["wifi"]["network"] == "guests"
    with open(story.path + ".broken") as file:
        assert file.read() == '{"sip": '
    story.remove()


async def test_a_wrong_password_changes_nothing_and_the_former_network_is_tried_again():
    story = Story(
        {100: packets.settings(b"Attic", b"wrong")}, air={"Attic": "secret", "Cellar": "deep"}, text='{"app": "echo"}'
    )
    assert await story.listen("Cellar", "deep") is True
    kinds = [(kind, data) for kind, data in story.heard() if kind != packets.RESULT]
    assert kinds[-3:] == [(packets.ERROR, b"\x03"), (packets.STATE, READY), (packets.STATE, PROVISIONED)]
    assert story.file() == {"app": "echo"} and story.log == ["wifi.password: Attic does not take it"]
    assert [name for name, _ in story.station.tries] == ["Cellar", "Attic", "Cellar"]
    story.remove()


async def test_a_network_that_is_not_there_is_tried_with_growing_pauses():
    story = Story(air={})
    assert await story.listen("Attic", "secret") == "for ever"
    begun = [ms // 1000 for _, ms in story.station.tries]
    assert begun == [0, 5, 15, 36, 76] and len(story.log) == 5


async def test_a_board_whose_configuration_lacks_more_than_the_network_stays():
    story = Story({3000: packets.command(2)})
    assert await story.listen("Attic", "secret", leave=False) == "for ever"
    assert len(story.station.tries) == 1
    assert [data for kind, data in story.heard() if kind == packets.STATE] == [PROVISIONED]


async def test_who_talks_is_not_left_alone():
    story = Story({ms: packets.command(2) for ms in range(1000, 30000, 5000)})
    assert await story.listen("Attic", "secret") is True
    assert 36000 <= story.clock.ms < 36200  # ten seconds after the last word


async def test_a_search_interrupts_a_try_to_join():
    story = Story({200: packets.command(4)})
    assert await story.listen("Attic", "secret") is True
    results = [packets.texts(data)[1] for kind, data in story.heard() if kind == packets.RESULT]
    assert [result[:1] for result in results] == [["Attic"], ["guests"], []]
    assert len(story.station.tries) == 2


async def test_mpremote_gets_the_prompt_and_all_that_it_types_behind_its_control_c():
    for joined in ("", "Attic"):
        story = Story({1000: b"\r\x03\r\x01print(1)\x04"})
        assert await story.listen(joined, "secret", leave=False) == "prompt"
        assert bytes(story.line.ready) == b"\r\x01print(1)\x04"


async def test_a_full_file_system_is_an_error_for_the_installer():
    def full(path, **values):
        raise OSError(28)

    story = Story({100: packets.settings(b"guests", b"")})
    former = improv_serial.save
    improv_serial.save = full
    try:
        assert await story.listen() == "for ever"
    finally:
        improv_serial.save = former
    assert [data for kind, data in story.heard() if kind == packets.ERROR] == [b"\x00", b"\xff"]
    assert "cannot be written" in story.log[0]


async def test_a_name_is_kept():
    story = Story({100: packets.command(5, b"front-door")}, text='{"wifi": {"network": "Attic"}}')
    assert await story.listen("Attic", "secret") is True
    assert story.file() == {"wifi": {"network": "Attic", "hostname": "front-door"}}
    story.remove()
