# siplet/improv: Improv Wi-Fi over a serial line, against a client written for this test from improv-wifi.com/serial.

from siplet.improv import BAD_HOSTNAME, OTHER, PROVISIONED, PROVISIONING, READY, Improv

DEVICE = ("siplet", "0.1.0", "ESP32", "siplet-abcdef", "MicroPython", "1.29.0")
STATE, ERROR, COMMAND, RESULT = 1, 2, 3, 4


def frame(kind, data, version=1):
    made = bytearray(b"IMPROV") + bytes([version, kind, len(data)]) + bytes(data)
    total = 0
    for byte in made:
        total = (total + byte) % 256
    return bytes(made) + bytes([total])


def command(number, data=b""):
    return frame(COMMAND, bytes([number, len(data)]) + data)


def settings(name, password):
    return command(1, bytes([len(name)]) + name + bytes([len(password)]) + password)


def frames(data):
    """[(type, data), ...] as a client reads them: a frame begins a line."""
    found = []
    while data:
        assert data[:7] == b"IMPROV\x01", data
        end = 9 + data[8]
        assert frame(data[7], data[9:end]) == data[: end + 1] and data[end + 1 : end + 2] == b"\n"
        found.append((data[7], data[9:end]))
        data = data[end + 2 :]
    return found


def texts(data):
    """(command, [text, ...]) of a result."""
    assert data[1] == len(data) - 2
    found = []
    i = 2
    while i < len(data):
        found.append(data[i + 1 : i + 1 + data[i]].decode())
        i += 1 + data[i]
    assert i == len(data)
    return data[0], found


class Client:
    """What a client says and hears; now: ms."""

    def __init__(self, state=READY):
        self.improv = Improv(DEVICE)
        self.improv.state = state
        self.now = 0x3FFFFFF0  # the clock wraps meanwhile

    def say(self, data):
        """The events."""
        events = []
        for byte in data:
            event = self.improv.receive(byte, self.now)
            if event:
                events.append(event)
        return events

    def ask(self, data):
        """The frames that answer, which is no event for anybody else."""
        assert self.say(data) == [("heard",)]
        return frames(self.improv.take())

    def wait(self, ms):
        self.now = (self.now + ms) & 0x3FFFFFFF


def test_the_documents_own_example_of_settings():
    data = bytes([0x01, 0x1E, 0x0C]) + b"MyWirelessAP" + bytes([0x10]) + b"mysecurepassword"
    client = Client()
    assert client.say(frame(COMMAND, data)) == [("wifi", "MyWirelessAP", "mysecurepassword")]
    # Once by hand: 477 of IMPROV, 1, 3, 2, 2, 0 are 0x1E5
    assert command(2) == b"IMPROV\x01\x03\x02\x02\x00\xe5"


def test_a_network_is_joined_step_by_step():
    client = Client()
    assert client.say(settings(b"Attic", b"secret word")) == [("wifi", "Attic", "secret word")]
    assert frames(client.improv.take()) == [(ERROR, b"\x00"), (STATE, bytes([PROVISIONING]))]
    assert client.ask(command(2)) == [(ERROR, b"\x00"), (STATE, bytes([PROVISIONING]))]
    assert client.ask(settings(b"Cellar", b"")) == [(ERROR, bytes([OTHER]))]  # one at a time
    client.improv.provisioned(("http://192.0.2.7/",))
    state, result = frames(client.improv.take())
    assert state == (STATE, bytes([PROVISIONED])) and result[0] == RESULT
    assert texts(result[1]) == (1, ["http://192.0.2.7/"])
    # Whoever asks later hears the same, as the answer to that question
    error, state, result = client.ask(command(2))
    assert error == (ERROR, b"\x00") and state == (STATE, bytes([PROVISIONED]))
    assert texts(result[1]) == (2, ["http://192.0.2.7/"])


def test_a_network_that_cannot_be_joined_is_an_error_and_may_be_tried_again():
    client = Client()
    client.say(settings(b"Attic", b"wrong"))
    client.improv.take()
    client.improv.failed()
    assert frames(client.improv.take()) == [(ERROR, b"\x03"), (STATE, bytes([READY]))]
    assert client.say(settings(b"Attic", b"right")) == [("wifi", "Attic", "right")]


def test_open_networks_and_names_beyond_ascii():
    client = Client()
    name = "Dachb\u00f6den \u2603"
    assert client.say(settings(name.encode(), b"")) == [("wifi", name, "")]


def test_the_device_is_described():
    _, result = Client().ask(command(3))
    assert texts(result[1]) == (3, list(DEVICE))


def test_networks_come_one_by_one_and_an_empty_one_ends_them():
    client = Client()
    assert client.say(command(4)) == [("scan",)]
    assert frames(client.improv.take()) == [(ERROR, b"\x00")]
    client.improv.networks([("MyWirelessNetwork", -60, True), ("guests", -71, False)])
    results = [texts(data) for kind, data in frames(client.improv.take()) if kind == RESULT]
    assert results == [(4, ["MyWirelessNetwork", "-60", "YES"]), (4, ["guests", "-71", "NO"]), (4, [])]


def test_the_hostname_is_told_and_set():
    client = Client()
    for number in (5, 6):
        _, result = client.ask(command(number))
        assert texts(result[1]) == (number, ["siplet-abcdef"])
    assert client.say(command(5, b"front-door")) == [("hostname", "front-door")]
    client.improv.renamed("front-door")
    assert [texts(data) for kind, data in frames(client.improv.take()) if kind == RESULT] == [(5, ["front-door"])]
    assert texts(client.ask(command(3))[1][1])[1][3:] == ["front-door", "MicroPython", "1.29.0"]
    for name in (b"-door", b"door-", b"front door", b"d\x00r", b"d\xf6r", b"d" * 33):
        assert client.ask(command(5, name)) == [(ERROR, bytes([BAD_HOSTNAME]))]


def test_what_is_broken_or_unknown_is_refused():
    client = Client()
    good = command(2)
    assert client.ask(good[:-1] + bytes([good[-1] ^ 1])) == [(ERROR, b"\x01")]
    for data in (b"", b"\x02", b"\x02\x01", b"\x02\x00\x00", b"\x03\x01x", b"\x04\x01x"):
        assert client.ask(frame(COMMAND, data)) == [(ERROR, b"\x01")], data
    for number in (0, 7, 8, 255):
        assert client.ask(command(number)) == [(ERROR, b"\x02")]
    assert client.ask(command(6, b"a name")) == [(ERROR, b"\x02")]
    for data in (
        b"",  # no texts
        b"\x05Attic",  # one
        b"\x05Attic\x01x\x01y",  # three
        b"\x00\x01x",  # no name
        b"\x06Attic\x00",  # a length beyond the end
        b"\x05Attic\xff",
        b"\x21" + b"n" * 33 + b"\x00",  # longer than a network's name can be
        b"\x01n\x41" + b"p" * 65,
        b"\x05At\ntc\x00",  # control characters
        b"\x05Attic\x02\x7fx",
        b"\x02\xff\xfe\x00",  # not UTF-8
    ):
        assert client.ask(command(1, data)) == [(ERROR, b"\x01")], data
    assert client.improv.state == READY


def test_frames_for_a_client_and_of_another_version_are_nobody_s():
    client = Client()
    for data in (frame(STATE, b"\x02"), frame(RESULT, b"\x03\x00"), frame(9, b"abc"), frame(3, b"\x02\x00", 2)):
        assert client.say(data) in ([], [("prompt",)]) and not client.improv.take()
        client.wait(1000)
    assert client.ask(command(2))


def test_a_control_c_outside_of_a_frame_is_a_persons():
    client = Client()
    assert client.say(b"\r\x03") == [("prompt",)]
    assert client.say(b"\x01") == [("prompt",)]
    assert client.say(b"IMPR\x03") == [("prompt",)]
    assert client.say(b"IMPROV\x03") == [("prompt",)]
    # In a frame it is a number like others: the type of each command is that byte
    assert client.ask(command(3))
    assert client.say(settings(b"\x03", b"")) == [("heard",)]


def test_a_frame_that_stops_is_given_up():
    client = Client()
    for cut in range(7, len(command(2))):
        assert client.say(command(2)[:cut]) == []
        client.wait(600)
        assert client.say(b"\r\x03") == [("prompt",)]
        assert client.ask(command(2))


def test_frames_are_found_in_the_noise_of_a_terminal():
    client = Client()
    for noise in (b">>> ", b"IMPRO", b"IIIMPROV\x00", b"IMPROVIMP", b"\xff\x00\n", b"improv\x05"):
        assert client.say(noise) == []
        assert client.ask(command(2)), noise


def test_answers_never_outgrow_a_frame():
    client = Client()
    client.improv.device = tuple(["x" * 100] * 6)
    _, result = client.ask(command(3))
    assert texts(result[1]) == (3, ["x" * 100] * 2)
    client.improv.networks([("n" * 300, -1, True)])
    assert [texts(data) for _, data in frames(client.improv.take())] == [(4, []), (4, [])]


class Numbers:
    """The same ones on every interpreter: Lehmer's generator."""

    def __init__(self, seed):
        self.value = seed

    def below(self, n):
        self.value = self.value * 171 % 30269
        return self.value % n


def test_whatever_comes_it_stays_small_and_answers_afterwards():
    for seed in range(1, 25):
        numbers = Numbers(seed)
        client = Client()
        for _ in range(60):
            kind = numbers.below(4)
            data = bytes([numbers.below(256) for _ in range(numbers.below(40))])
            if kind == 1:
                data = command(numbers.below(8), data)
            elif kind == 2:
                data = bytearray(settings(b"Attic", b"secret"))
                data[numbers.below(len(data))] = numbers.below(256)
            elif kind == 3:
                data = frame(numbers.below(6), data)[: numbers.below(60)]
            for event in client.say(data):
                assert event[0] in ("prompt", "heard", "scan", "wifi", "hostname")
                if event[0] == "wifi":
                    assert 0 < len(event[1]) <= 32 and len(event[2]) <= 64
                    client.improv.failed()
            frames(client.improv.take())
            assert len(client.improv._frame) < 266
            client.wait(numbers.below(3) * 300)
        client.wait(1000)
        assert client.ask(command(2))[1] == (STATE, bytes([READY]))
