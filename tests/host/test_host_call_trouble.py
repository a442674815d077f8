# What goes wrong beside a call of the host: the board's line, the disk, Ctrl-C, notes without end, secrets as they are
# typed.

import asyncio
import os
import shutil
import signal
import wave

import pytest
from call_partners import HERE, far_end, good, talk
from siplet.phone import Phone
from siplet_tools import cli, interpreter
from siplet_tools.errors import ToolError
from siplet_tools.wire import call_audio, call_session, host_phone, own_phone
from siplet_tools.wire.board_log import BoardLog, ready
from siplet_tools.wire.call_verdict import judge
from siplet_tools.wire.own_phone import HostPhone

SPEECH = interpreter.ROOT + "/tests/vectors/speech/door.wav"


# -- the board's log


def test_a_board_that_talks_without_end_is_heard_to_its_last_word():
    log = BoardLog(clock=lambda: 1.0)
    log.feed(b"1.000 pressed bell\r\n" * 5000 + b"2.000 digit 5\r\n")
    assert len(log.lines) <= 2000 and log.since(0)[-1] == "digit 5"


@pytest.mark.parametrize("error", [TypeError("fd is None"), OSError(5, "Input/output error")])
def test_whatever_a_driver_raises_ends_the_reading_with_a_line_for_people(error):
    def read():
        raise error

    with BoardLog() as log:
        log.follow(read)
        with pytest.raises(ToolError) as raised:
            log.wait_ready(10)
    assert "check the cable" in str(raised.value)


async def test_keys_are_not_called_lost_because_the_log_was(monkeypatch):
    monkeypatch.setattr(call_session, "_BEFORE_KEYS_S", 0.1)
    monkeypatch.setattr(call_session, "_ARRIVE_S", 0.2)
    log = BoardLog()
    log.feed(b"1.000 digit 5\r\n")
    log.error = ToolError("the board's line broke: check the cable")
    async with far_end(talk) as target:
        report = await host_phone.call(target, seconds=0.5, digits="7", forms=("rtp",), log=log)
    assert report.digits_sent[0].accepted and report.digits_sent[0].arrived is None
    assert [one for one in report.verdicts if one.kind == "note" and "the board's line broke" in one.text]


def test_the_line_of_a_phone_that_is_ready_is_read_in_one_way():
    found = ready("doorphone ready as sip:door:secret@pbx.local at [2001:db8::2]:5070")
    assert found.target == "sip:door@[2001:db8::2]:5070" and found.host == "2001:db8::2"
    assert (found.app, found.place) == ("doorphone", "[2001:db8::2]:5070")
    assert ready("doorphone ready as sip:door@pbx at 10.0.0.2:65536") is None


# -- this computer


def test_ctrl_c_is_heard_where_the_loop_takes_no_signals(monkeypatch):
    """As on Windows."""

    def add_signal_handler(self, number, deed):
        raise NotImplementedError

    async def story(stop):
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(stop.wait(), 10)
        return "told all the same"

    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", add_signal_handler)
    before = signal.getsignal(signal.SIGINT)
    assert host_phone.run(story) == "told all the same"
    assert signal.getsignal(signal.SIGINT) is before


async def test_a_call_that_ctrl_c_ends_says_so():
    stop = asyncio.Event()
    async with far_end(talk) as target:
        report = await host_phone.call(target, seconds=20, stop=stop, live=lambda now: stop.set())
    assert report.answered and report.how == "interrupted"


async def test_what_the_phone_said_while_nobody_called_is_told_and_it_cannot_flood():
    def told(uri):
        for number in range(1000):
            own_phone._log(f"stun: try {number}")

    (report,) = await host_phone.calls(1, told=told, toward=HERE, port=0, wait_s=0.1)
    assert report.how == "nobody" and report.notes[0] == "stun: try 0" and len(report.notes) == 50


async def test_a_phone_that_is_cancelled_while_it_opens_leaves_no_trace(monkeypatch):
    async def never(self):
        raise asyncio.CancelledError

    monkeypatch.setattr(Phone, "__aenter__", never)
    with pytest.raises(asyncio.CancelledError):
        async with HostPhone(call_audio.Kept(), HERE):
            pass
    assert own_phone._listeners == own_phone._former == []


async def test_an_address_that_this_computer_has_not_is_no_busy_port():
    address = "192.0.2.77"
    with pytest.raises(ToolError) as raised:
        async with HostPhone(call_audio.Kept(), HERE, address=address):
            pass
    assert str(raised.value).startswith(f"{address}: is no address of this computer") and raised.value.status == 2


def test_an_echo_that_nobody_wants_to_hear_now_does_not_grow_nor_come_late():
    echo = call_audio.Delayed(frames=10)
    echo.start()
    for _ in range(1000):
        echo.write(bytes(320))
    waiting = 0
    while echo.read(bytearray(320)):
        waiting += 1
    assert waiting <= 20


def test_a_recording_that_cannot_be_finished_is_closed_and_counted(tmp_path, monkeypatch):
    def fail(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wave.Wave_write, "_patchheader", fail)
    audio = call_audio.Kept(record=str(tmp_path / "heard.wav"))
    for _ in range(2):
        audio.write(bytes(320))
    disk = audio._disk
    audio.close()
    assert audio.errors == 1 and disk.closed


async def test_what_is_played_is_not_recorded_over(tmp_path):
    path = tmp_path / "speech.wav"
    shutil.copyfile(SPEECH, path)
    before = path.read_bytes()
    os.symlink(path, tmp_path / "same.wav")
    for record in (path, tmp_path / "same.wav"):
        with pytest.raises(ToolError) as raised:
            await host_phone.call(f"sip:door@{HERE}", play=str(path), record=str(record))
        assert raised.value.status == 2 and path.read_bytes() == before


@pytest.mark.parametrize(
    "target, account", [("sip:door:hunter2@10.0.0.2", ""), ("100", "sip:me:hunter2@pbx"), ("sip:a:hunter2@@", "")]
)
async def test_a_password_in_a_uri_is_refused_and_not_shown(target, account):
    with pytest.raises(ToolError) as raised:
        await host_phone.call(target, account=account)
    assert "SIPLET_PASSWORD" in str(raised.value) and "hunter2" not in str(raised.value)


@pytest.mark.parametrize("words", [["sip:door:hunter2@10.0.0.2"], ["100", "--account", "me:hunter2@pbx"]])
def test_the_command_does_not_show_it_either(words, capsys, monkeypatch):
    monkeypatch.delenv("SIPLET_PASSWORD", raising=False)
    monkeypatch.setattr("siplet_tools.board.ports.attached", lambda: [])
    assert cli.main(["call", *words]) == 2
    output = capsys.readouterr()
    assert "everybody can read a command line" in output.err and "hunter2" not in output.out + output.err


async def test_who_answers_for_months_keeps_the_last_call_alone(monkeypatch):
    stop, ended = asyncio.Event(), []

    async def answer(phone, audio, **talk):
        if len(ended) == 9:
            stop.set()
        return good(direction="in")

    monkeypatch.setattr(host_phone, "answer", answer)
    assert len(await host_phone.calls(0, stop, ended.append, toward=HERE, port=0)) == 1 and len(ended) == 10


def test_a_call_without_a_record_is_not_called_a_call_without_packets():
    report = good()
    report.quality = {}
    failed = [one.text for one in judge(report).verdicts if one.kind == "failed"]
    assert failed == ["nothing is known of the packets: this computer kept no record of the call"]
