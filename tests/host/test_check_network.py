# `siplet check` on the virtual board: what can be wrong with its configuration, its Wi-Fi, names and the registration.

import os

import pytest
from check_parts import HERE, PASSWORD, QUICK, Names, Registrar
from siplet_tools.board import checking
from siplet_tools.board.checks import network


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
    assert seen[1].text == "not tried, because config is not well"


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
