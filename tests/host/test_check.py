# `siplet check` on the virtual board: everything well, and each thing that can be wrong with a board by itself.

import array
import datetime
import math
import os
import threading

import check_parts
import pytest
from check_parts import CONFIG, HERE, PASSWORD, QUICK, STUCK_RELAY, WIFI_PASSWORD, Bench, Names, Registrar, loop
from siplet_tools import wav_file
from siplet_tools.board import checking, deploying
from siplet_tools.board.checks import TABLE, network, parts, sound
from siplet_tools.board.link import Link
from siplet_tools.errors import ToolError
from siplet_tools.virtual import VirtualBoard


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    with check_parts.deployed(tmp_path_factory.mktemp("check") / "board") as bench:
        yield bench


@pytest.fixture
def bench(deployed):
    with deployed.lent():
        yield deployed


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """What people need time for is shorter here."""
    monkeypatch.setattr(parts, "_HOLD_MS", 40)
    monkeypatch.setattr(parts, "_FLASH_MS", 20)
    monkeypatch.setattr(sound, "_LISTEN", 15)
    monkeypatch.setattr(sound, "_TONE", 25)


@pytest.fixture
def registrar():
    with Registrar() as server:
        yield server


def say(board, path, samples, rate=8000):
    wav_file.write_wav(path, array.array("h", samples), rate)
    board.say(path, repeat=True)


def sine(hertz, peak, count=8000):
    return [round(peak * math.sin(2 * math.pi * hertz * i / 8000)) for i in range(count)]


# --- everything well ---


def test_a_board_that_is_well_gets_a_good_verdict_for_everything_and_goes_back_to_work(bench, registrar, monkeypatch):
    monkeypatch.undo()  # at the length that it has
    board, said, asked = bench.board, [], []
    bench.write("boot.py", loop())
    for name, text in bench.usual.items():
        bench.write(name, text)
    seen = []

    def tell(text):
        said.append(text)
        if "press" in text:
            threading.Timer(0.1, board.press, ("bell",)).start()

    def ask(text):
        asked.append(text)
        return True

    with Names() as names:
        bench.account(registrar)
        bench.configure("sip", registrar=f"pbx.test:{registrar.port}")
        bench.configure("dns", servers=[f"{HERE}:{names.port}"])
        for verdict in bench.verdicts(ask=ask, tell=tell):
            seen.append(verdict)
            starts = board.starts
    assert [verdict.check for verdict in seen] == list(TABLE)
    assert {verdict.check: verdict.text for verdict in seen if verdict.kind != "ok"} == {
        "clock": "it says 2000-01-01 00:00 UTC, as after each loss of power; only TLS with tls.ca needs the clock"
    }
    found = {verdict.check: verdict for verdict in seen}
    assert "as deployed" in found["flash"].text
    assert "siplet, -55 dBm (strong), channel 6" in found["wifi"].text
    assert found["names"].text.startswith(f"pbx.test is {HERE}, found in ")
    assert "is registered at pbx.test" in found["registration"].text
    assert found["tone"].values["over_noise_db"] > 30
    assert asked == ["Did the relay click, twice?", "Did the lamp flash three times?"]
    assert said == [
        "relay on, half a second",
        "press the bell button now, within 10 s",
        "led on, three flashes",
    ]
    told = repr([verdict.as_dict() for verdict in seen])
    assert PASSWORD not in told and WIFI_PASSWORD not in told
    # A REGISTER that was challenged, answered, and taken back
    assert [text.partition(" ")[0] for text in registrar.heard] == ["REGISTER"] * len(registrar.heard)
    assert "Expires: 300" in registrar.heard[1] and "Expires: 0" in registrar.heard[-1]
    board.wait(lambda: board.starts > starts, what="start of the application")
    assert not board.relay and not board.led


def test_nothing_is_configured_is_no_failure(bench):
    bench.write("config.json", {"sip": CONFIG["sip"]})
    seen = bench.check(*list(TABLE)[4:])
    kinds = {verdict.check: (verdict.kind, verdict.text) for verdict in seen}
    assert kinds.pop("config")[0] == "ok"
    assert kinds.pop("names") == kinds.pop("registration") == ("skipped", "needs the Wi-Fi, which is not configured")
    assert set(kinds.values()) == {("note", "not configured")} and len(kinds) == 6
    assert all("siplet provision set" in verdict.advice for verdict in seen if verdict.kind == "note")


def test_with_nobody_beside_the_board_two_lines_say_what_was_not_asked(bench):
    seen = bench.check("relay", "button", "led")
    assert [(verdict.check, verdict.kind) for verdict in seen] == [
        ("relay", "ok"),
        ("relay", "skipped"),
        ("button", "skipped"),
        ("led", "ok"),
        ("led", "skipped"),
    ]
    assert all("--no-ask" in verdict.text for verdict in seen if verdict.kind == "skipped")


# --- what any MicroPython has ---


def test_a_board_without_siplet_gets_what_can_be_said_and_is_told_to_deploy(tmp_path):
    with VirtualBoard(tmp_path / "bare", heap=150 << 10) as board:
        seen = Bench(board).check()
        (alone,) = Bench(board).check("wifi")
    found = {verdict.check: verdict for verdict in seen}
    assert list(found) == ["versions", "heap", "flash", "clock", "siplet"]
    assert found["versions"].kind == "failed" and found["versions"].text.endswith("; siplet is not on it")
    assert "siplet deploy" in found["versions"].advice
    assert found["siplet"].kind == "skipped" and found["siplet"].text.startswith("config, wifi, names, registration")
    assert (alone.kind, alone.text) == ("failed", "wifi: want siplet on the board")
    # 150 KB in all
    assert found["heap"].kind == "failed" and "a phone takes 160 KB" in found["heap"].text
    assert 0 < found["heap"].values["largest"] <= found["heap"].values["free"] < 150 << 10
    assert found["flash"].kind == "ok"


def test_another_siplet_on_the_board_than_here_is_told(bench):
    text = bench.read("siplet.json")
    bench.write("siplet.json", text.replace('"siplet": "0.1.0"', '"siplet": "0.0.9"'))
    verdict = bench.one("versions")
    assert verdict.kind == "failed" and "siplet 0.0.9" in verdict.text and verdict.advice == "siplet deploy"
    bench.write("siplet.json", text.replace('"micropython": "', '"micropython": "old-'))
    verdict = bench.one("versions")
    assert verdict.kind == "failed" and "made for MicroPython old-1." in verdict.text


def test_siplet_that_cannot_be_loaded_is_told_and_nothing_else_is_tried(bench):
    with open(os.path.join(bench.files, "siplet", "errors.mpy"), "wb") as file:
        file.write(b"M\x05\0\0")
    seen = bench.check("versions", "relay")
    assert [verdict.kind for verdict in seen] == ["failed", "skipped"]
    assert "cannot be loaded (incompatible .mpy file)" in seen[0].text


def test_damaged_and_missing_files_are_named(bench):
    with open(os.path.join(bench.files, "siplet", "errors.mpy"), "ab") as file:
        file.write(b"x")
    os.remove(os.path.join(bench.files, "siplet", "log.mpy"))
    verdict = bench.one("flash")
    assert verdict.kind == "failed"
    assert verdict.text == "/siplet/errors.mpy is damaged, /siplet/log.mpy is missing"
    assert verdict.advice.startswith("siplet deploy")


def test_an_image_in_the_flash_counts_as_a_file(tmp_path):
    with VirtualBoard(tmp_path / "board") as board:
        with Link.open(board.port) as link:
            deploying.carry_out(link, deploying.prepare(link, "esp32", "doorphone", romfs=True))
        bench = Bench(board)
        found = {verdict.check: verdict for verdict in bench.check("versions", "heap", "flash")}
        assert {verdict.kind for verdict in found.values()} == {"ok"}
        assert "files and the ROMFS image are as deployed" in found["flash"].text
        with open(tmp_path / "board" / "romfs.bin", "r+b") as file:
            file.seek(50000)
            old = file.read(1)
            file.seek(50000)
            file.write(bytes([old[0] ^ 1]))
        verdict = bench.one("flash")
        assert verdict.kind == "failed" and verdict.text == "the ROMFS image is damaged"
        with open(tmp_path / "board" / "romfs.bin", "r+b") as file:
            file.write(b"\0\0\0\0")
        verdict = bench.one("flash")
        assert verdict.kind == "failed" and verdict.text == "the ROMFS image is missing"


def test_a_full_flash_is_told_before_a_new_configuration_is_lost(bench):
    free = bench.one("flash").values["free"]
    path = os.path.join(bench.files, "music.bin")
    with open(path, "wb") as file:
        file.truncate(free - (100 << 10))
    try:
        verdict = bench.one("flash")
        assert verdict.kind == "note" and "would not fit beside the old one" in verdict.text
        with open(path, "wb") as file:
            file.truncate(free - (8 << 10))
        verdict = bench.one("flash")
        assert verdict.kind == "failed" and "too little to change the configuration" in verdict.text
    finally:
        os.remove(path)


def set_clock(bench, time):
    with Link.open(bench.board.port) as link:
        link.run(f"import machine\nmachine.RTC().datetime({(*time.timetuple()[:3], 0, *time.timetuple()[3:6], 0)})")


def test_a_clock_that_is_off_is_a_failure_where_certificates_have_dates(bench):
    now = datetime.datetime.now(datetime.timezone.utc)
    bench.configure("tls", ca="/ca.der")
    bench.configure("sip", transport="tls")
    set_clock(bench, now - datetime.timedelta(days=400))
    verdict = bench.one("clock")
    assert verdict.kind == "failed" and "no certificate is valid" in verdict.text and "tls.pin" in verdict.advice
    bench.configure("sip", transport="udp")
    assert bench.one("clock").kind == "note"
    set_clock(bench, now)
    assert bench.one("clock").kind == "ok"
    set_clock(bench, now + datetime.timedelta(hours=2))
    verdict = bench.one("clock")
    assert verdict.kind == "note" and verdict.text.startswith("+2 hours: it runs in local time")


# --- the configuration, the network ---


@pytest.mark.parametrize(
    "text, line, advice",
    [
        (None, "there is none: the board waits for it", "siplet provision FILE.toml"),
        ("{", "/config.json: is not valid JSON", "siplet provision FILE.toml"),
        ('{"sip": {"adress": "sip:a@b"}}', "sip.adress: no such key, did you mean sip.address?", "FILE.toml"),
        (
            '{"sip": {"address": "sip:a@b"}, "app": "echo"}',
            "app: there is no echo on the board",
            "siplet deploy --app echo",
        ),
        ('{"sip": {"address": "sip:a@b", "password": 7}}', "sip.password: must be a text", "set sip.password"),
    ],
)
def test_a_configuration_that_siplet_does_not_take_is_told_with_its_key(bench, text, line, advice):
    if text is None:
        os.remove(os.path.join(bench.files, "config.json"))
    else:
        bench.write("config.json", text)
    seen = bench.check("config", "relay")
    assert [(verdict.check, verdict.kind) for verdict in seen] == [("config", "failed"), ("relay", "skipped")]
    assert seen[0].text == line and advice in seen[0].advice
    assert seen[1].text == "needs what config says is not well"


def test_a_wrong_password_of_the_wifi_is_told_by_whatever_needs_the_wifi(bench):
    bench.write("boot.py", QUICK)
    assert bench.one("wifi").kind == "ok"  # and the board stays in it
    bench.configure("wifi", password="something-else")
    seen = bench.check("names", "registration")
    assert [(verdict.check, verdict.kind) for verdict in seen] == [
        ("wifi", "failed"),
        ("names", "skipped"),
        ("registration", "skipped"),
    ]
    assert "siplet does not take it" in seen[0].text and "wifi.password" in seen[0].advice
    assert "something-else" not in repr(seen)


def test_no_such_network_and_which_there_are(bench):
    bench.write("boot.py", QUICK)
    bench.configure("wifi", network="Sip1et")
    verdict = bench.one("wifi")
    assert verdict.kind == "failed" and "no network Sip1et in reach" in verdict.text
    assert verdict.advice.startswith("did you mean siplet? in reach: siplet (-55 dBm), guests (-62 dBm)")


def test_what_is_advised_when_there_is_no_network_or_one_that_lets_nobody_in():
    assert "hears no network at all" in network._join_advice("wifi.network", "Attic", [])
    assert "does not let it in" in network._join_advice("wifi.network", "Attic", [("Attic", -60, True)])
    assert "hears no network" in network._join_advice("wifi.network", "Attic", [7, None])  # a board may say anything


def test_the_signal_in_words(bench):
    with bench.session() as session:
        for dbm, kind, word in ((-64, "ok", "good"), (-72, "note", "weak"), (-83, "failed", "too weak")):
            bench.board.signal(dbm)
            (verdict,) = session.run("wifi")
            assert verdict.kind == kind and f"{dbm} dBm ({word}" in verdict.text
            assert bool(verdict.advice) == (kind != "ok")


def test_a_name_that_nobody_knows_and_a_name_server_that_is_silent(bench):
    with Names() as names:
        bench.configure("dns", servers=[f"{HERE}:{names.port}"])
        bench.configure("sip", registrar="pxb.test:5060", password=PASSWORD)
        seen = bench.check("names", "registration")
        assert [verdict.kind for verdict in seen] == ["failed", "skipped"]
        assert seen[0].text == "pxb.test: there is no such name" and "sip.registrar" in seen[0].advice
        names.silent = True
        verdict = bench.one("names", wait_s=0.5)
    assert verdict.kind == "failed" and verdict.text.startswith("pxb.test: no name server answers")
    assert "dns.servers" in verdict.advice


REFUSALS = (
    (401, "the password, or the account's name, is wrong (401)", "sip.user"),
    (403, "it refuses this account (403)", "sip.password"),
    (404, "it knows no such account (404)", "sip.address"),
    (405, "it takes no registrations (405)", "sip.registrar"),
    (500, "the server has troubles of its own (500)", "log"),
    (None, "no answer within 0.5 s", "firewall"),
)


def test_a_registrar_that_refuses_or_is_silent(bench, registrar):
    bench.account(registrar)
    with bench.session() as session:
        for status, text, advice in REFUSALS:
            registrar.status = status
            session.options.wait_s = 8 if status else 0.5
            (verdict,) = session.run("registration")
            assert verdict.kind == "failed" and verdict.text == f"sip:door@{HERE} at {HERE}:{registrar.port}: {text}"
            assert advice in verdict.advice and PASSWORD not in repr(verdict)


def test_a_registrar_that_wants_a_password_of_an_account_without(bench, registrar):
    bench.configure("sip", registrar=f"{HERE}:{registrar.port}")
    verdict = bench.one("registration")
    assert verdict.kind == "failed" and "it wants a password, and none is set" in verdict.text


def test_two_accounts_get_a_verdict_each(bench, registrar):
    bench.account(registrar)
    with Registrar(403) as second:
        bench.configure("sip2", address="sip:gate@pbx2", password=PASSWORD, registrar=f"{HERE}:{second.port}")
        good, bad = bench.check("registration")
    assert good.kind == "ok" and good.text.startswith(f"sip:door@{HERE} is registered")
    assert bad.kind == "failed" and bad.text.startswith("sip:gate@pbx2") and "sip2.password" in bad.advice


def test_a_server_that_takes_no_connection(bench, registrar):
    bench.account(registrar, transport="tcp")  # at whose port nobody takes TCP
    verdict = bench.one("registration")
    assert verdict.kind == "failed" and f"cannot be reached: TCP {HERE}:{registrar.port}: " in verdict.text
    assert "sip.transport" in verdict.advice


# --- sound ---


def test_a_microphone_whose_wire_is_off_is_stuck_at_0_and_the_tone_is_not_blamed(bench):
    dead, tone = bench.check("microphone", "tone")
    assert dead.kind == "failed" and dead.text == "it is stuck at 0" and "SD" in dead.advice
    assert tone.kind == "failed" and tone.text == "not heard, but the microphone is not well either"


def test_the_level_is_right_and_what_hums_at_1_khz_all_the_time_is_not_taken_for_the_tone(bench, tmp_path):
    say(bench.board, tmp_path / "room.wav", sine(1000, 1000))
    heard, tone = bench.check("microphone", "tone")
    wanted = 20 * math.log10(1000 / math.sqrt(2) / 32768)  # -33.3
    assert heard.kind == "ok" and abs(heard.values["level_db"] - wanted) < 0.5
    assert heard.text in ("it hears the room, 33 dB below full scale", "it hears the room, 34 dB below full scale")
    assert abs(tone.values["noise_db"] - wanted) < 0.5
    assert tone.kind == "failed" and tone.text.startswith("not heard: 1 kHz rises by 0 dB")
    assert "amplifier" in tone.advice


def test_a_microphone_that_clips(bench, tmp_path):
    say(bench.board, tmp_path / "room.wav", [32767 if i // 20 % 2 else -32768 for i in range(8000)])
    verdict = bench.one("microphone")
    assert verdict.kind == "failed" and verdict.text.startswith("it clips: ")
    assert "board.microphone_gain" in verdict.advice


def test_a_faint_tone_is_told_as_faint(bench):
    bench.write("boot.py", loop(softer=17, noise=8192))
    verdict = bench.one("tone")
    assert verdict.kind == "note" and verdict.text.startswith("faint: ")
    assert 6 < verdict.values["over_noise_db"] < 15


def row(frames=50, missing=0, low=-300, high=300, total=0, squares=50 * 160 * 100**2, clipped=0, energy=0):
    return sound.Heard((frames, missing, low, high, total, squares, clipped, energy))


@pytest.mark.parametrize(
    "heard, kind, text",
    [
        (row(missing=50), "failed", "no samples come at all"),
        (row(low=-1, high=-1, total=-8000, squares=8000), "failed", "it is stuck at -1"),
        (row(low=32767, high=32767, total=32767 * 8000, squares=32767**2 * 8000), "failed", "it is stuck at 32767"),
        (row(clipped=80), "failed", "it clips: 1.0 %"),
        (row(squares=8000 * 8000**2), "note", "very loud, 12 dB"),
        (row(low=-4, high=4, squares=8000), "note", "it hears next to nothing, 90 dB"),
        (row(low=700, high=1300, total=8000000, squares=8000 * (1000**2 + 100**2)), "ok", "it hears the room, 50 dB"),
    ],
)
def test_the_verdict_of_a_microphone_from_its_samples(heard, kind, text):
    verdict = sound._judge_microphone(heard)
    assert verdict.kind == kind and verdict.text.startswith(text)
    assert bool(verdict.advice) == (kind != "ok")


def test_a_speaker_without_a_microphone_is_heard_by_the_person(bench):
    bench.configure("board", microphone_pins=[])
    with bench.session(ask=lambda text: False) as session:
        (verdict,) = session.run("tone")
        assert (verdict.kind, verdict.text) == ("failed", "nobody heard it") and "amplifier" in verdict.advice
        session.options.ask = lambda text: True
        assert sound._judge_ears(session).kind == "ok"
        session.options.ask = None
        (verdict,) = session.run("tone")
        assert verdict.kind == "skipped"


# --- pins ---


def test_a_relay_whose_pin_does_not_move(bench):
    bench.write("boot.py", STUCK_RELAY)
    verdict = bench.one("relay")
    assert verdict.kind == "failed" and verdict.text == "pin 23 was set high for on, and stays low"
    assert "board.relay_pin" in verdict.advice


def test_a_relay_that_is_on_while_low_and_that_nobody_hears(bench):
    bench.configure("board", relay_active_low=True)
    verdict = bench.one("relay", ask=lambda text: False)
    assert verdict.kind == "failed" and "nothing is seen or heard" in verdict.text
    assert verdict.values["levels"] == [1, 0, 1] and "board.relay_active_low" in verdict.advice


def test_a_button_that_nobody_presses_and_one_that_is_stuck(bench):
    verdict = bench.one("button", ask=lambda text: True, press_s=0.2)
    assert verdict.kind == "failed" and verdict.text == "nothing came at pin 13 within 0.2 s"
    bench.board.drive("bell", 0)
    try:
        verdict = bench.one("button", ask=lambda text: True)
    finally:
        bench.board.drive("bell", None)
    assert verdict.kind == "failed" and verdict.text == "pin 13 is low before anybody presses it"


def test_pins_that_the_chip_does_not_have_are_told_with_their_key(bench):
    bench.configure("board", relay_pin=34)
    verdict = bench.one("relay")
    assert verdict.kind == "failed" and verdict.text.startswith("board.relay_pin: pin 34 cannot be that")
    assert verdict.advice == "siplet provision set board.relay_pin"


@pytest.mark.parametrize(
    "line, advice",
    [
        (
            "this chip has one I2S bus: board.microphone_pins or board.speaker_pins, not both",
            "set board.microphone_pins",
        ),
        ("sip.local_address, sip.local_port: cannot be opened (98)", "set sip.local_address"),
        ("siplet.sound is not there", "siplet deploy"),
    ],
)
def test_what_the_firmware_complains_of_leads_to_the_key(line, advice):
    verdict = checking.explain(line)
    assert verdict.kind == "failed" and verdict.text == line and advice in verdict.advice


def test_an_unknown_check_is_a_wrong_usage():
    with pytest.raises(ToolError, match="no check relais: did you mean relay") as caught:
        checking.names(["relais"])
    assert caught.value.args and caught.value.status == 2
