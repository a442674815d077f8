# siplet/config: what a user gets to read when the configuration is wrong, and that right ones are taken whole.

import json

from siplet import config


def sip(**more):
    values = {"address": "sip:door@pbx.local"}
    values.update(more)
    return {"sip": values}


def complaint(given):
    try:
        config.load(given)
    except config.ConfigError as error:
        line = str(error)
        assert "\n" not in line
        return line
    raise AssertionError("was taken")


def test_the_shortest_configuration_gets_every_default():
    loaded = config.load(sip())
    assert len(loaded) == len(config.TABLE)
    assert loaded["sip.address"] == "sip:door@pbx.local"
    assert loaded["app"] == "doorphone" and loaded["sip.local_port"] == 5060 and loaded["doorphone.targets"] == []
    assert loaded["sip.register"] is None  # decided by what else is given


def test_defaults_are_not_shared_between_two_configurations():
    config.load(sip())["doorphone.targets"].append("sip:intruder@example.com")
    assert config.load(sip())["doorphone.targets"] == []


def test_every_default_passes_its_own_check():
    for key, kind, default, least, most, text in config.TABLE:
        if kind == "choice":
            for word in default:
                assert config._checked(key, kind, default, most, word) == word
        elif default not in (None, ""):
            lists = kind in ("targets", "texts", "secrets", "pins")
            config._checked(key, kind, least, most, list(default) if lists else default)
        assert text and "\n" not in text and len(text) < 100
        assert kind in "int bool str secret uri digits host targets texts secrets choice pins".split()


def test_words_lists_and_further_accounts():
    assert config.load(sip())["sip.transport"] == "udp" and config.load(sip())["sip2.address"] == ""
    assert complaint(sip(transport="tpc")) == "sip.transport: must be one of udp, tcp, tls, ws, wss"
    assert complaint(sip(callers=["mum"])) == "sip.callers: must be user:password each"
    assert config.load(sip(accept=["open"]))["sip.accept"] == ["open"]
    second = {"sip": sip()["sip"], "sip2": {"address": "door@b"}}
    assert complaint(second) == "sip2.address: must be a SIP URI, sip:user@host"


def test_what_does_not_go_together_is_said():
    def wrong(**sound):
        return complaint({"sip": sip()["sip"], "sound": sound})

    assert wrong(jitter_most_ms=60, jitter_least_ms=80) == (
        "sound.jitter_most_ms: must not be below sound.jitter_least_ms"
    )
    assert wrong(hang_up_without_media_s=30, follow_source="off") == (
        "sound.hang_up_without_media_s: wants sound.follow_source to be port or servers"
    )
    assert wrong(srtp_encryption="require", complete=False) == "sound.srtp_encryption: require wants sound.complete"
    given = {"jitter_most_ms": 0, "jitter_least_ms": 80, "follow_source": "off", "srtp_encryption": "require"}
    config.load({"sip": sip()["sip"], "sound": given})


def test_pins_are_numbers_and_each_has_one_use():
    def given(**board):
        return {"sip": sip()["sip"], "board": board}

    loaded = config.load(given(microphone_pins=[14, 15, 32], bell_pin=13))
    assert loaded["board.microphone_pins"] == [14, 15, 32] and loaded["board.bell_pin"] == 13
    assert not loaded["board.speaker_pins"] and loaded["board.relay_pin"] == -1
    assert config.load(given(speaker_pins=[1, 2, 3, 0], microphone_pins=[]))["board.speaker_pins"] == [1, 2, 3, 0]
    for pins in ([1, 2], [1, 2, 3, 4, 5], [1, 2, -1], [1, 2, 49], [1, 2, "3"], [1, 2, True]):
        assert complaint(given(speaker_pins=pins)) == "board.speaker_pins: must be 3 or 4 numbers of pins, 0 to 48"
    assert complaint(given(speaker_pins=5)) == "board.speaker_pins: must be a list of numbers"
    assert complaint(given(bell_pin=49)) == "board.bell_pin: must be -1 to 48, not 49"
    assert complaint(given(bell_pin=4, relay_pin=4)) == "board.relay_pin: pin 4 is taken by board.bell_pin"
    assert complaint(given(speaker_pins=[1, 2, 2])) == "board.speaker_pins: pin 2 is taken by board.speaker_pins"


def test_a_stun_server_is_a_host_and_perhaps_its_port():
    def given(place):
        return {"sip": sip()["sip"], "sound": {"stun_server": place}}

    for place in ("", "stun.example.com", "stun.example.com:3478", "192.0.2.1", "192.0.2.1:1", "pbx_2", "2001:db8::5"):
        assert config.load(given(place))["sound.stun_server"] == place
    for place in ("::1", "[2001:db8::5]", "[2001:db8::5]:65535", "[::ffff:192.0.2.1]:3478", "STUN.Example.com"):
        assert config.load(given(place))["sound.stun_server"] == place
    wrong = ["stun:stun.example.com", "stun:stun.example.com:3478", "stun://a", "http://a/b", "a b", "a:", ":3478", ":"]
    wrong += [
        "a:0",
        "a:65536",
        "a:b",
        "a:-1",
        "a:+1",
        "a,b",
        "user@a",
        "[a]",
        "[::1",
        "::1]",
        "[]",
        "[::1]:",
        "[::1]x:5",
    ]
    for place in wrong + ["[", "]", "[::1]:0", "1::g"]:
        line = "sound.stun_server: must be host or host:port, such as stun.example.com:3478"
        assert complaint(given(place)) == line, place


def test_a_country_is_one_whose_tones_are_known():
    from siplet.media.country_tones import countries

    known = next(row[2] for row in config.TABLE if row[0] == "sound.tones_of_country").split()
    assert sorted(known) == sorted(countries())
    given = {"sip": sip()["sip"], "sound": {"tones_of_country": "uk"}}
    assert complaint(given).startswith("sound.tones_of_country: must be one of de, at, ")
    given["sound"]["tones_of_country"] = "gb"
    assert config.load(given)["sound.tones_of_country"] == "gb"


def test_no_key_is_the_prefix_of_another_and_none_stands_twice():
    keys = [row[0] for row in config.TABLE]
    assert len(set(keys)) == len(keys)
    assert not [1 for a in keys for b in keys if b.startswith(a + ".")]


def test_objects_nest_by_the_dots_and_dotted_keys_are_taken_too():
    loaded = config.load({"sip.address": "sip:a@b", "doorphone": {"targets": ["sip:1@b", "200"], "code": "00"}})
    assert loaded["doorphone.targets"] == ["sip:1@b", "200"] and loaded["doorphone.code"] == "00"
    assert complaint({"sip": {"address": "sip:a@b"}, "sip.address": "sip:c@d"}) == "sip.address: is given twice"


def test_a_typo_names_the_key_that_was_meant():
    for key, value, meant in (
        ("sip.adress", "sip:a@b", "sip.address"),
        ("sip.pasword", "x", "sip.password"),
        ("doorphone.relayms", 100, "doorphone.relay_ms"),
        ("password", "x", "sip.password"),
        ("log.file", "x", ""),
    ):
        given = sip()
        given[key] = value
        hint = f", did you mean {meant}?" if meant else ""
        assert complaint(given) == f"{key}: no such key{hint}"


def test_a_wrong_type_names_the_key_and_the_type():
    assert complaint(sip(local_port="5060")) == "sip.local_port: must be a whole number"
    assert complaint(sip(local_port=True)) == "sip.local_port: must be a whole number"
    assert complaint(sip(local_port=5060.0)) == "sip.local_port: must be a whole number"
    assert complaint(sip(register=1)) == "sip.register: must be true or false"
    assert complaint(sip(user=7)) == "sip.user: must be a text"
    assert complaint({"sip": "sip:a@b"}) == "sip: must be an object, {...}"
    assert complaint([]) == "configuration: must be an object, {...}"
    assert complaint({"sip": {"address": None}}) == "sip.address: must be a text"


def test_a_value_out_of_range_names_the_key_and_the_range():
    assert complaint(sip(local_port=70000)) == "sip.local_port: must be 0 to 65535, not 70000"
    assert complaint(sip(expires=-1)) == "sip.expires: must be 60 to 86400, not -1"
    assert complaint(sip(user="u" * 65)) == "sip.user: must have 0 to 64 characters"
    given = sip()
    given["rtp"] = {"port_low": 6000, "port_high": 5000}
    assert complaint(given) == "rtp.port_high: must be above rtp.port_low"


def test_addresses_and_codes_have_a_form():
    assert complaint(sip(address="door@pbx.local")) == "sip.address: must be a SIP URI, sip:user@host"
    assert complaint(sip(address="sip:a b@c")) == "sip.address: must be a SIP URI, sip:user@host"
    assert complaint(sip(user="a\r\nVia: x")) == "sip.user: must be text without control characters"
    for value, line in (
        ("sip:1@b", "doorphone.targets: must be a list of texts"),
        ([1], "doorphone.targets: must be text without control characters"),
        (["tel:1"], "doorphone.targets: must be a SIP URI, sip:user@host"),
        (["1"] * 9, "doorphone.targets: must be at most 8"),
    ):
        given = sip()
        given["doorphone"] = {"targets": value}
        assert complaint(given) == line
    given["doorphone"] = {"code": "12x4"}
    assert complaint(given) == "doorphone.code: must be of the keys 0-9 * # A-D"


def test_no_complaint_shows_a_secret():
    for value in ("hunter2\n", "hunter2" * 40):
        assert "hunter2" not in complaint(sip(password=value))
    given = sip()
    given["doorphone"] = {"code": "4711x"}
    assert "4711" not in complaint(given)


def test_what_must_be_given_is_missed_by_name():
    assert complaint({}) == "sip.address: is missing"


def test_nothing_is_half_applied():
    # One wrong value at the very end of a configuration that is fine otherwise: nothing comes back at all.
    given = sip(local_port=5070)
    given["doorphone"] = {"code": "00", "lockout_ms": "soon"}
    assert complaint(given) == "doorphone.lockout_ms: must be a whole number"
    assert given == {"sip": {"address": "sip:door@pbx.local", "local_port": 5070}, "doorphone": given["doorphone"]}


def test_files_that_cannot_be_read_or_are_no_json_are_named():
    assert complaint("/there/is/none.json") == "/there/is/none.json: cannot be read"
    # This file is Python, not JSON
    assert complaint(__file__) == __file__ + ": is not valid JSON"


def test_json_is_read_as_it_is_written():
    # As json.load would give it: what load() takes is exactly that
    loaded = config.load(json.loads('{"app": "echo", "sip": {"address": "sip:a@b", "register": false}}'))
    assert loaded["app"] == "echo" and loaded["sip.register"] is False
