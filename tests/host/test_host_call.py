# The host calls and is called, over loopback, for real: what the verdict says of good calls and of each way to fail.

import asyncio
import contextlib
import json
import wave

import pytest
from call_partners import HERE, App, fall_silent, far_end, faults, hold, losing, say_nothing, server, silent, talk
from siplet.errors import CallError
from siplet_tools import interpreter
from siplet_tools.errors import ToolError
from siplet_tools.process import free_ports
from siplet_tools.wire import call_audio, call_session, host_phone
from siplet_tools.wire.own_phone import HostPhone

SPEECH = interpreter.ROOT + "/tests/vectors/speech/door.wav"


@pytest.fixture(autouse=True)
def keys_at_once(monkeypatch):
    monkeypatch.setattr(call_session, "_BEFORE_KEYS_S", 0.3)


def said(report, kind=None):
    """All that the verdict says, one text."""
    return "\n".join(f"{one.text} | {one.advice}" for one in report.verdicts if kind in (None, one.kind))


# -- the applications of siplet, on MicroPython


def test_the_echo_is_measured_and_each_key_arrives_once_in_each_form(tmp_path):
    heard = tmp_path / "heard.wav"
    lives = []
    with App(tmp_path, "echo") as app:
        report = host_phone.test_call(
            app.target, seconds=2, digits="1#", log=app.log, record=str(heard), live=lives.append
        )
    assert faults(report.verdicts) == []
    assert report.codec == "PCMA" and report.sound == "sendrecv" and 2 <= report.seconds < 8
    assert 40 <= report.round_trip_ms["sound"] <= 400
    assert report.one_way_ms["sound"] == report.round_trip_ms["sound"] / 2
    assert report.level_dbov == pytest.approx(-22, abs=3)
    assert report.quality["lost"] == 0 and report.quality["mos"] > 1
    assert [(one.form, one.arrived, one.told_by) for one in report.digits_sent] == [
        ("rtp", "1#", "log"),
        ("info", "1#", "log"),
    ]
    assert lives[-1].received > 90 and lives[-1].lost == 0
    with wave.open(str(heard)) as file:
        assert file.getframerate() == 8000 and 2 <= file.getnframes() / 8000 < 8
    document = json.loads(json.dumps(report.to_dict()))
    assert document["ok"] is report.ok and document["one_way_ms"]["sound"] == report.one_way_ms["sound"]


def test_a_door_phone_without_a_microphone_is_silent_and_says_what_it_makes_of_the_code(tmp_path):
    with App(tmp_path, "doorphone", doorphone={"code": "42"}) as app:
        report = host_phone.test_call(app.target, seconds=1.2, digits="42", forms=("info",), log=app.log)
    assert not report.ok and report.digital_silence and report.level_dbov is None
    assert "nothing was heard" in said(report, "failed") and "board.microphone_pins" in said(report)
    assert "the board says code right" in said(report, "ok")


def test_the_bell_is_pressed_and_the_board_calls_the_host(tmp_path):
    port = free_ports()
    target = f"sip:siplet@{HERE}:{port}"

    async def story(app):
        pressing = []
        reports = await host_phone.calls(
            1,
            told=lambda uri: pressing.append((uri, asyncio.ensure_future(app.press_bell()))),
            toward=HERE,
            port=port,
            accept=(app.host,),
            seconds=1.5,
            wait_s=8,
        )
        assert pressing[0][0] == target
        return reports[0]

    with App(tmp_path, "doorphone", doorphone={"targets": [target]}, audio={"play": SPEECH, "repeat": True}) as app:
        report = asyncio.run(story(app))
    assert faults(report.verdicts) == []
    assert report.direction == "in" and report.remote.startswith("sip:doorphone@")
    assert report.echo is None and report.level_dbov > -40


# -- who does not behave: all of these calls at once, for they last


async def press(call):
    await call.answer()
    assert await call.send_digits("5", form="rtp")
    assert await call.send_digits("5", form="info")
    assert await call.send_digits("#", form="info")
    await call.ended()


async def repeat(call):
    await call.answer()
    async for digit in call.digits():
        await call.send_digits(digit, form="info")


async def short(call):
    await call.answer()
    await call.hangup()


STORIES = {
    "losing": (losing(20), None, {"seconds": 3}),
    "saying nothing": (say_nothing, None, {"seconds": 1.5}),
    "falling silent": (fall_silent, None, {"seconds": 2}),
    "holding": (hold, None, {"seconds": 1.5}),
    "no echo": (talk, silent(), {"seconds": 1.5, "expect": "echo", "play": SPEECH}),
    "pressing": (press, None, {"seconds": 2, "digits": "9", "forms": ("rtp",)}),
    "repeating": (repeat, None, {"seconds": 1, "digits": "7", "forms": ("rtp",)}),
    "short": (short, None, {"seconds": 5}),
}


@pytest.fixture(scope="module")
def reports():
    """{name of a story: its Report}."""

    async def story(name):
        deed, audio, options = STORIES[name]
        async with far_end(deed, audio) as target:
            return name, await host_phone.call(target, **options)

    async def whole():
        return dict(await asyncio.gather(*map(story, STORIES)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call_session, "_BEFORE_KEYS_S", 0.3)
        return asyncio.run(whole())


def test_five_percent_of_the_packets_are_lost(reports):
    report = reports["losing"]
    assert 4 <= report.quality["loss_percent"] <= 6.5, report.quality
    assert report.echo["delay_ms"] > 40
    assert "loss from the board to this computer: " in said(report, "note") + said(report, "failed")


def test_a_far_end_that_sends_nothing_is_one_way(reports):
    report = reports["saying nothing"]
    assert not report.ok and report.quality["packets_received"] == 0
    assert "nothing was heard: not one packet of sound came" in said(report, "failed")
    assert "firewall" in said(report, "failed")


def test_sound_that_stops_is_no_loss_and_no_success_either(reports):
    report = reports["falling silent"]
    assert 10 < report.quality["packets_received"] < 50 and 1.3 < report.dry_s <= 2
    assert "no packets came" in said(report, "failed")


def test_a_far_end_that_does_not_listen_is_called_the_wrong_direction(reports):
    assert reports["holding"].sound == "recvonly"
    assert "wrong direction" in said(reports["holding"], "failed")


async def test_silence_on_purpose_is_no_failure():
    async with far_end(talk, silent()) as target:
        report = await host_phone.call(target, seconds=1.1, expect="silence")
    assert faults(report.verdicts) == []
    assert "all of them silence" in said(report, "note")


def test_a_file_is_played_and_whoever_must_echo_and_does_not_fails(reports):
    assert reports["no echo"].said and not reports["no echo"].ok


def test_keys_of_the_far_end_are_listed_once_with_each_form_they_came_in(reports):
    report = reports["pressing"]
    assert [(one["digit"], one["forms"]) for one in report.digits_heard] == [("5", ["rtp", "info"]), ("#", ["info"])]
    assert "keys from the far end: 5 by rtp+info, # by info" in said(report, "ok")


def test_keys_that_come_back_have_arrived(reports):
    sent = reports["repeating"].digits_sent[0]
    assert (sent.arrived, sent.told_by) == ("7", "echo")


def test_other_keys_that_come_say_nothing_of_those_that_were_sent(reports):
    report = reports["pressing"]
    assert report.digits_sent[0].accepted and report.digits_sent[0].arrived is None


def test_a_far_end_that_hangs_up_early_is_noted(reports):
    report = reports["short"]
    assert report.how == "remote" and report.seconds < 3
    assert "the far end hung up after" in said(report, "note")


# -- calls that do not come about


@pytest.mark.parametrize(
    "status, words",
    [
        (486, "it is busy"),
        (404, "nobody has that name"),
        (488, "no kind of sound"),
        (603, "refused it"),
        (500, "error"),
    ],
)
async def test_a_refusal_is_explained(status, words):
    async with far_end(lambda call: call.reject(status)) as target:
        report = await host_phone.call(target)
    assert not report.ok and report.status == status and words in said(report, "failed")
    assert report.to_dict()["ok"] is False


async def test_a_board_that_takes_no_strangers_is_told_apart():
    async with far_end(talk, accept=()) as target:
        report = await host_phone.call(target)
    assert report.status == 403
    assert f"sip.accept={HERE}" in said(report, "failed")


async def test_it_rings_and_nobody_answers():
    async with far_end(lambda call: call.ended()) as target:
        report = await host_phone.call(target, timeout_s=0.6)
    assert report.rang and "rang, but nobody answered" in said(report, "failed")


async def test_nobody_is_at_that_address(monkeypatch):
    monkeypatch.setattr(host_phone, "_SILENT_S", 0.3)
    report = await host_phone.call(f"sip:door@{HERE}:{free_ports()}")
    assert report.silent and "nothing answers at" in said(report, "failed")


async def test_a_call_that_is_stopped_while_it_rings_says_so():
    stop = asyncio.Event()

    async def ring(call):
        stop.set()
        await call.ended()

    async with far_end(ring) as target:
        report = await host_phone.call(target, stop=stop)
    assert report.how == "interrupted" and "stopped before anybody answered" in said(report)


@pytest.mark.parametrize("target", ["sip:", "sip:a b@c", "sip:ü@127.0.0.1", "sip:door@127.0.0.1:99999"])
async def test_a_target_that_is_no_uri_is_refused_before_anything_is_sent(target):
    with pytest.raises(ToolError) as raised:
        await host_phone.call(target)
    assert "is no SIP URI" in str(raised.value) and raised.value.status == 2


async def test_keys_that_no_phone_has_are_refused_before_anything_is_sent():
    with pytest.raises(ToolError) as raised:
        await host_phone.call("sip:door@127.0.0.1", digits="12x")
    assert "keys are 0-9 * # A-D" in str(raised.value)


async def test_a_sound_card_that_fails_in_the_call_is_a_fault_of_this_computer(monkeypatch):
    class Broken(call_audio.Kept):
        def start(self):
            raise OSError("sound card: unplugged")

    monkeypatch.setattr(host_phone, "_audio", lambda *given: Broken())

    async def answer(call):
        with contextlib.suppress(CallError):
            await talk(call)

    async with far_end(answer) as target:
        report = await host_phone.call(target, seconds=2)
    assert not report.ok and report.seconds < 1
    assert "this computer's phone: OSError sound card: unplugged" in said(report, "failed")


def test_a_target_may_be_typed_short():
    assert host_phone.whole("door@10.0.0.2") == "sip:door@10.0.0.2"
    assert host_phone.whole("100", "sip:me@pbx.local") == "sip:100@pbx.local"
    assert host_phone.whole("sips:a@b") == "sips:a@b"


# -- waiting


async def test_nobody_calls_in_time():
    reports = await host_phone.calls(3, toward=HERE, port=0, wait_s=0.2)
    assert len(reports) == 1 and not reports[0].ok
    assert "nobody called sip:siplet@127.0.0.1" in said(reports[0]) and "doorphone.targets" in said(reports[0])


async def test_two_calls_are_measured_each_for_itself():
    ended = []

    async def story(uri):
        from siplet.phone import Phone

        async with Phone(f"sip:far@{HERE}", local_address=HERE, local_port=0, audio=silent()) as phone:
            for _ in range(2):
                async with phone.call(uri, timeout_ms=3000) as call:
                    await call.ended(timeout_ms=600)

    tasks = []
    reports = await host_phone.calls(
        2, None, ended.append, lambda uri: tasks.append(asyncio.create_task(story(uri))), toward=HERE, port=0, echo=True
    )
    await tasks[0]
    assert reports == ended and len(reports) == 2
    assert [(one.answered, one.how) for one in reports] == 2 * [(True, "remote")]
    # Silence, or the noise that hides a frame that a busy machine brought too late
    assert all(one.level_dbov is None or one.level_dbov < -60 for one in reports)


async def test_a_port_that_is_taken_is_one_line_that_says_which_option_helps():
    async with HostPhone(call_audio.Kept(), HERE) as first:
        with pytest.raises(ToolError) as raised:
            async with HostPhone(call_audio.Kept(), HERE, port=first.phone.local_port):
                pass
    assert "--local-port" in str(raised.value)


async def test_an_account_that_no_server_knows_ends_before_the_call(monkeypatch):
    monkeypatch.setattr("siplet_tools.wire.own_phone._REGISTER_MS", 300)
    with pytest.raises(ToolError) as raised:
        await host_phone.call("100", account=f"sip:me@{HERE}:{free_ports()}", password="hunter2")
    assert "does not answer" in str(raised.value) and "hunter2" not in str(raised.value)


@pytest.mark.parametrize("status, words", [(403, "check SIPLET_PASSWORD"), (404, "does it know this account?")])
async def test_a_server_that_refuses_the_account_is_told_apart(status, words):
    async with server(REGISTER=status) as port:
        with pytest.raises(ToolError) as raised:
            await host_phone.call("100", account=f"sip:me@{HERE}:{port}", password="hunter2")
    assert words in str(raised.value) and str(status) in str(raised.value)


async def test_a_number_is_called_by_the_server_of_the_account():
    async with server(REGISTER=200, INVITE=404) as port:
        report = await host_phone.call("100", account=f"sip:me@{HERE}:{port}", password="hunter2")
    assert report.target == f"sip:100@{HERE}:{port}" and report.status == 404
    assert "hunter2" not in json.dumps(report.to_dict())
