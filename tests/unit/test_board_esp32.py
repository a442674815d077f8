# boards/esp32 over a fake machine and network: pins, bouncing contacts, and what is said when the Wi-Fi cannot be had.

import asyncio

from fake_wifi import Pin, load
from siplet.audio.loop import Loop
from siplet.audio.null import Null
from siplet.config import load as load_config
from siplet.errors import LocalError

NEEDS = ("event_loop",)
AIR = {"Attic": "secret word", "guests": ""}


def make(air=AIR, wifi=None, **board):
    """(a Board, its lines, the driver, the module)."""
    module, _, driver = load(air)
    lines = []
    module.log = lines.append
    given = {"sip": {"address": "sip:a@b"}, "wifi": wifi or {"network": "Attic", "password": "secret word"}}
    given["board"] = board
    return module.Board(load_config(given)), lines, driver, module


def complaint(function, *arguments):
    try:
        function(*arguments)
    except LocalError as error:
        return str(error)
    raise AssertionError("was taken")


async def start(board):
    """ "" when it started, else the line that says why not."""
    try:
        await board.start()
    except LocalError as error:
        return str(error)
    return ""


# --- pins ---


def test_a_relay_is_off_from_the_first_moment_and_says_each_change_once():
    for low in (False, True):
        board, lines, _, _ = make(relay_pin=23, relay_active_low=low)
        assert Pin.made[23].mode == Pin.OUT and Pin.made[23].level == int(low)
        relay = board.relay()
        relay.off()
        relay.on()
        relay.on()
        assert relay.value and Pin.made[23].level == int(not low)
        relay.off()
        assert Pin.made[23].level == int(low) and lines == ["relay on", "relay off"]


def test_a_board_without_wiring_has_everything_that_an_application_asks_for():
    board, lines, _, _ = make()
    assert not Pin.made
    board.relay().on()
    board.led().on()
    assert board.button("bell") is board.button("bell")
    assert lines == ["relay on", "led on", "board.bell_pin: is not set, so nobody can press bell"]
    assert type(board.audio()) is Null and isinstance(board.audio("loop"), Loop)


def test_a_pin_that_the_chip_lacks_is_named():
    load()
    Pin.bad = (24,)

    def with_pin(key):
        module, _, _ = load()
        Pin.bad = (24,)
        board = module.Board(load_config({"sip": {"address": "sip:a@b"}, "board": {key: 24}}))
        board.button("bell")

    for key in ("relay_pin", "led_pin", "bell_pin"):
        assert complaint(with_pin, key) == f"board.{key}: pin 24 cannot be that (invalid pin)"


def test_microphone_and_amplifier_are_described_for_the_i2s_driver():
    board, _, _, module = make(microphone_pins=[26, 25, 33], speaker_pins=[27, 14, 22, 0], microphone_gain=2)
    made = []
    module.sys = type("Sys", (), {"implementation": type("I", (), {"_machine": "Generic ESP32 module with ESP32"})})

    class Recorder:
        def __init__(self, *arguments):
            made.extend(arguments)

    import sys

    former = sys.modules.get("siplet.audio.i2s")
    sys.modules["siplet.audio.i2s"] = type("Module", (), {"I2S": Recorder})
    try:
        board.audio()
    finally:
        sys.modules.pop("siplet.audio.i2s")
        if former:
            sys.modules["siplet.audio.i2s"] = former
    microphone, speaker, rate = made
    assert {name: microphone[name].id for name in ("sck", "ws", "sd")} == {"sck": 26, "ws": 25, "sd": 33}
    assert (microphone["id"], microphone["bits"], microphone["gain"], microphone["right"]) == (0, 32, 2, False)
    assert (speaker["id"], speaker["bits"], speaker["mck"].id, rate) == (1, 16, 0, 48000)


def test_a_chip_with_one_bus_cannot_have_both():
    board, _, _, module = make(microphone_pins=[4, 5, 6], speaker_pins=[7, 8, 9])
    module.sys = type("Sys", (), {"implementation": type("I", (), {"_machine": "ESP32-C3 module with ESP32C3"})})
    assert complaint(board.audio) == (
        "this chip has one I2S bus: board.microphone_pins or board.speaker_pins, not both"
    )


# --- the bell ---


async def settle(times=5):
    for _ in range(times):
        await asyncio.sleep(0)


async def test_a_press_is_what_is_still_closed_after_the_bouncing():
    board, lines, _, _ = make(bell_pin=13)
    bell = board.button("bell")
    pin = Pin.made[13]
    assert (pin.mode, pin.pull) == (Pin.IN, Pin.PULL_UP)
    waiting = asyncio.create_task(bell.pressed())
    await settle()
    for level in (0, 1, 0, 1, 0):  # and it stays closed
        pin.move(level)
    assert await waiting and lines == ["pressed bell"]


async def test_interference_and_a_contact_that_opens_are_no_press():
    board, _, _, _ = make(bell_pin=13)
    bell = board.button("bell")
    pin = Pin.made[13]
    waiting = asyncio.create_task(bell.pressed(timeout_ms=1000))
    await settle()
    pin.move(0)
    pin.move(1)
    assert not await waiting
    # Held while nobody waits, then let go of, bouncing
    pin.move(0)
    waiting = asyncio.create_task(bell.pressed(timeout_ms=1000))
    await settle()
    for level in (1, 0, 1):
        pin.move(level)
    assert not await waiting


async def test_a_press_while_nobody_waits_is_lost():
    board, _, _, _ = make(bell_pin=13)
    bell = board.button("bell")
    Pin.made[13].move(0)
    assert not await bell.pressed(timeout_ms=100)


# --- Wi-Fi ---


async def test_it_joins_its_network_with_power_saving_off():
    board, lines, driver, _ = make(wifi={"network": "Attic", "password": "secret word", "country_code": "DE"})
    assert await start(board) == ""
    assert board.network() == "192.0.2.7"
    # DHCP tells the name, so it is set before anything else
    assert driver.log == ["country DE", "hostname siplet-0a0b0c", "active", "connect Attic"]
    assert driver.settings["pm"] == 0 and driver.settings["reconnects"] == -1  # from now on it never gives up
    assert lines == ["wifi Attic, address 192.0.2.7, siplet-0a0b0c"]


async def test_an_open_network_and_a_name_of_its_own():
    board, _, driver, _ = make(wifi={"network": "guests", "hostname": "front-door"})
    assert await start(board) == "" and driver.wanted == ("guests", None)
    assert "hostname front-door" in driver.log


async def test_each_reason_not_to_join_is_a_line_without_the_password():
    for wifi, line in (
        (
            {"network": "Attik", "password": "secret word"},
            "wifi.network: no network Attik in reach (2.4 GHz alone can be)",
        ),
        ({"network": "Attic", "password": "secret wort"}, "wifi.password: Attic does not take it"),
    ):
        board, _, driver, module = make(wifi=wifi)
        assert await start(board) == line
        assert driver.log[-1] == "disconnect" and module.platform.ms < 6000


async def test_a_router_without_addresses_is_told_after_the_limit():
    board, _, driver, module = make()
    driver.gives = False
    assert await start(board) == "wifi.network: Attic gives no address within 20 s"
    assert 20000 <= module.platform.ms < 21000 and driver.log[-1] == "disconnect"


async def test_a_reason_of_long_ago_is_not_believed():
    board, _, driver, _ = make()
    driver.reason = 201  # as the driver tells it until there is an address
    driver.takes = 30
    assert await start(board) == ""


async def test_a_network_that_is_joined_already_is_kept():
    board, _, driver, _ = make()
    assert await start(board) == ""
    again = board.station()
    await again.connect("Attic", "secret word")
    assert driver.log.count("connect Attic") == 1
    await again.connect("guests", "")
    assert driver.wanted == ("guests", None) and again.address == "192.0.2.7"


async def test_who_gives_up_leaves_the_driver_idle():
    board, _, driver, _ = make(air={})
    trying = asyncio.create_task(start(board))
    await settle(3)
    trying.cancel()
    await settle()
    assert driver.log[-1] == "disconnect"


def test_a_scan_names_each_network_once_the_strongest_first():
    board, _, _, _ = make()
    assert board.station().scan() == [("Attic", -40, True), ("guests", -70, False)]


def test_a_country_that_the_driver_does_not_know_is_named():
    board, _, _, _ = make()
    assert complaint(board.station, "", "DEU").startswith("wifi.country_code: DEU")
