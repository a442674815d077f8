# `siplet check` on the virtual board: everything well, and what can be said of any board with MicroPython: versions,
# heap, flash, clock.

import datetime
import os
import threading

import pytest
from check_parts import CONFIG, HERE, PASSWORD, WIFI_PASSWORD, Bench, Names, loop
from siplet_tools.board import checking, deploying
from siplet_tools.board.checks import TABLE
from siplet_tools.board.link import Link
from siplet_tools.errors import ToolError
from siplet_tools.virtual import VirtualBoard

# --- everything well ---


def test_a_board_that_is_well_gets_a_good_verdict_for_everything_and_goes_back_to_work(bench, registrar):
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


def test_an_unknown_check_is_a_wrong_usage():
    with pytest.raises(ToolError, match="no check relais: did you mean relay") as caught:
        checking.names(["relais"])
    assert caught.value.args and caught.value.status == 2
