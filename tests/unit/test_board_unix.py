# boards/unix: the PC as a board, without its network: commands, buttons, switches, and which address is ours.

import asyncio
import sys

NEEDS = ("event_loop",)

sys.path.append(__file__.rsplit("/", 1)[0] + "/../../boards/unix" if "/" in __file__ else "../../boards/unix")

import board as unix
import own_address
from siplet.audio.loop import Loop
from siplet.audio.null import Null
from siplet.config import load
from siplet.errors import LocalError


def make(**more):
    lines = []
    unix.log = lines.append
    given = {"sip": {"address": "sip:a@b"}}
    given.update(more)
    return unix.Board(load(given)), lines


def test_a_relay_says_each_change_once():
    board, lines = make()
    relay = board.relay()
    relay.off()
    relay.on()
    relay.on()
    assert relay.value and board.command("relay") == "on"
    relay.off()
    relay.off()
    assert lines == ["relay on", "relay off"] and board.command("relay") == "off"
    assert board.relay() is relay


def test_typed_words_press_buttons_and_unknown_ones_are_named():
    board, lines = make()
    assert board.command("bell\n") == "error: no button or command bell"  # nobody has asked for a bell yet
    board.button("bell")
    for line in ("bell", "\n", "press bell", "press", " bell \r\n"):
        assert board.command(line) == "ok"
    assert lines == ["pressed bell"] * 5
    assert board.command("press doorbell") == "error: no button or command doorbell"
    assert board.command("rm -rf") == "error: no button or command rm -rf"


def test_main_can_add_commands():
    board, _ = make()
    board.commands["say"] = lambda argument: "said " + argument
    assert board.command("say hello you") == "said hello you"


async def test_a_press_wakes_who_waits_and_is_lost_when_nobody_does():
    board, _ = make()
    bell = board.button("bell")
    board.command("bell")
    assert not await bell.pressed(timeout_ms=1)
    waiting = asyncio.create_task(bell.pressed(timeout_ms=5000))
    await asyncio.sleep(0.001)
    board.command("bell")
    assert await waiting


def test_audio_is_what_the_configuration_says():
    board, _ = make()
    assert type(board.audio()) is Null
    assert isinstance(board.audio("loop"), Loop)
    board, _ = make(audio={"play": "/there/is/none.wav"})
    try:
        board.audio()
    except LocalError as error:
        assert "none.wav" in str(error)
    else:
        raise AssertionError


def test_a_configured_address_is_taken_as_it_is():
    board, lines = make(sip={"address": "sip:a@b", "local_address": "192.0.2.7"})
    assert board.network() == "192.0.2.7" and not lines


def test_without_a_network_it_says_so_and_stays_at_home():
    board, lines = make()
    former = own_address.find_address
    own_address.find_address = lambda: None
    try:
        assert board.network() == "127.0.0.1"
    finally:
        own_address.find_address = former
    assert len(lines) == 1 and "sip.local_address" in lines[0]


TREE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 172.17.0.0/16 2 0 2
           |-- 172.17.0.1
              /32 host LOCAL
     +-- 192.168.7.0/24 2 0 2
        +-- 192.168.7.0/26 2 0 2
           |-- 192.168.7.0
              /24 link UNICAST
           |-- 192.168.7.23
              /32 host LOCAL
        |-- 192.168.7.255
           /32 link BROADCAST
Local:
           |-- 192.168.7.23
              /32 host LOCAL
""".split("\n")

# Interface, destination, gateway, flags, references, use, metric, mask: as /proc/net/route has them
DOCKER = "docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0".split()
WIFI = "wlan0 0007A8C0 00000000 0001 0 0 600 00FFFFFF 0 0 0".split()
WIFI_DEFAULT = "wlan0 00000000 0107A8C0 0003 0 0 600 00000000 0 0 0".split()
DOCKER_DEFAULT = "docker0 00000000 010011AC 0003 0 0 700 00000000 0 0 0".split()


def test_our_address_is_the_one_towards_the_default_route():
    assert own_address.choose_address([WIFI_DEFAULT, DOCKER, WIFI], TREE) == "192.168.7.23"
    assert (
        own_address.choose_address([DOCKER_DEFAULT, WIFI_DEFAULT, DOCKER, WIFI], TREE) == "192.168.7.23"
    )  # its metric is less
    assert own_address.choose_address([DOCKER_DEFAULT, DOCKER, WIFI], TREE) == "172.17.0.1"


def test_without_a_default_route_it_is_the_first_that_is_not_loopback():
    assert own_address.choose_address([DOCKER, WIFI], TREE) == "172.17.0.1"
    assert own_address.choose_address([], TREE[:12]) is None


def test_how_good_a_call_is_is_told_or_why_not():
    class Endpoint:
        sessions = ()

    class Phone:
        endpoint = Endpoint()

    class Call:
        stream = True
        found = None

        def quality(self):
            if self.found is None:
                raise LocalError("the phone's sound is plain")
            return self.found

    class Session:
        call = Call()

    board, _ = make()
    board.phone = Phone()
    assert board.command("quality") == "none"
    board.phone.last_quality = {"over": True}
    assert board.command("quality") == '{"over": true}'
    Endpoint.sessions = (Session,)
    assert board.command("quality") == "error: the phone's sound is plain"
    Call.found = {"mos": 4}
    assert board.command("quality") == '{"mos": 4}'
