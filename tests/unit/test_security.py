# Security descriptions (RFC 4568): what an a=crypto line may say, and keys that change in the middle of a stream. Who
# offers and answers what is in tests/net/test_keys.py.

from media_parts import Agreement, Audio, Net, rtp, voice
from siplet.sound.security import Cipher, Crypto, read
from siplet.sound.srtp import Srtp
from siplet.sound.stream import Stream

TEXT = b"WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"  # of RFC 4568 5.1
KEY = b"YS___semctl () {\t220;}\n}\nunles"
LONG, SHORT = b"AES_CM_128_HMAC_SHA1_80", b"AES_CM_128_HMAC_SHA1_32"
HERE = ("192.0.2.7", 4000)
KEYS = b"\x05\x0a\x00\xa0"  # an event of RFC 4733


def line(suite=LONG, key=b"inline:" + TEXT, number=b"1", rest=b""):
    return number + b" " + suite + b" " + key + rest


def test_lines_that_can_be_used():
    for value, number, tag in (
        (line(), 1, 10),
        (line(SHORT, number=b"999999999"), 999999999, 4),
        (line(LONG.lower()), 1, 10),
        (line(key=b"INLINE:" + TEXT), 1, 10),
        (line(key=b"inline:" + TEXT + b"|2^20"), 1, 10),
        (line(key=b"inline:" + TEXT + b"|2^48"), 1, 10),
        (line(key=b"inline:" + TEXT + b"|1048576"), 1, 10),
        (line(rest=b" WSH=128"), 1, 10),
        (line(rest=b"  -UNKNOWN=1 -x"), 1, 10),
        (b"  1\t" + LONG + b"  inline:" + TEXT + b" ", 1, 10),
    ):
        found = read(value)
        assert found and found.number == number and found.suite[1] == tag and found.key == KEY, value


def test_lines_that_cannot():
    for value in (
        b"",
        b"1",
        b"1 " + LONG,
        line(number=b"x"),
        line(number=b"-1"),
        line(number=b"1234567890"),
        line(b"AES_256_CM_HMAC_SHA1_80"),
        line(b"AES_CM_128_HMAC_SHA1_8"),
        line(b"F8_128_HMAC_SHA1_80"),
        line(b"AEAD_AES_128_GCM"),
        line(key=TEXT),
        line(key=b"uri:" + TEXT),
        line(key=b"inline:"),
        line(key=b"inline:" + TEXT[:-1]),
        line(key=b"inline:" + TEXT + b"="),
        line(key=b"inline:" + TEXT[:-1] + b"="),
        line(key=b"inline:" + TEXT[:-1] + b"-"),
        line(key=b"inline:" + TEXT[:-1] + b"\xff"),
        line(key=b"inline:" + TEXT + TEXT),
        line(key=b"inline:" + TEXT + b"|2^20|1:4"),  # an MKI
        line(key=b"inline:" + TEXT + b"|1:4"),
        line(key=b"inline:" + TEXT + b"|"),
        line(key=b"inline:" + TEXT + b"|2^0"),
        line(key=b"inline:" + TEXT + b"|2^49"),
        line(key=b"inline:" + TEXT + b"|2^"),
        line(key=b"inline:" + TEXT + b"|x"),
        line(key=b"inline:" + TEXT + b";inline:" + TEXT),
        line(rest=b" UNENCRYPTED_SRTP"),
        line(rest=b" UNENCRYPTED_SRTCP"),
        line(rest=b" UNAUTHENTICATED_SRTP"),
        line(rest=b" KDR=1"),
        line(rest=b" FEC_ORDER=FEC_SRTP"),
        line(rest=b" FEC_KEY=inline:" + TEXT),
        line(rest=b" WSH=64 SOMETHING"),
        b"\xff\xfe " + LONG + b" inline:" + TEXT,
    ):
        assert read(value) is None, value


def test_what_we_say_can_be_read():
    for i in range(64):
        crypto = Crypto(3, read(line(SHORT)).suite, bytearray([i * 7 + n * 5 & 255 for n in range(30)]))
        text = crypto.text().encode()
        assert text[:11] == b"a=crypto:3 " and text[-2:] == b"\r\n"
        again = read(text[9:-2])
        assert again.key == crypto.key and again.number == 3 and again.suite is crypto.suite
    crypto.wipe()
    assert crypto.key == bytes(30)


# -- keys in a stream


def crypto(seed, suite=LONG):
    found = read(line(suite))
    found.key[:] = bytes([seed + i & 255 for i in range(30)])
    return found


class Line:
    """A line whose keys are agreed by hand: it is its own extra."""

    def __init__(self):
        self.extras = (self,)
        self.ours = self.theirs = None


class Call:
    def __init__(self):
        self.line = Line()


class End:
    """A stream with the part, and the far end's cipher."""

    def __init__(self, suite=LONG):
        self.call = Call()
        self.part = Srtp({"sound.srtp_without_tls": True})
        self.part._cipher, self.part._data = Cipher(), bytearray(6 * 182)
        self.part.begin(self.call)
        self.stream = Stream(Audio(), Net(), lambda n: b"\x12\x34\x56\x78\xff\xfe\xff\xff\xff\x00"[:n])
        self.stream.parts = [self.part]
        self.far = Cipher()
        self.keys(crypto(1, suite), crypto(100, suite))

    def keys(self, ours, theirs):
        self.call.line.ours, self.call.line.theirs = ours, theirs
        if theirs:
            self.far.agree(theirs, ours)
        self.stream.configure(Agreement())

    def come(self, *packets):
        for packet in packets:
            self.stream.udp.incoming.append((HERE[0], HERE[1], packet))

    def seal(self, packet):
        return bytes(self.far.protect(bytearray(packet)))

    def hear(self, *packets):
        for packet in packets:
            self.come(self.seal(packet))
            self.stream.tick()


def test_what_is_sent_is_ciphered_and_begins_far_from_the_first_wrap():
    for suite, tag in ((LONG, 10), (SHORT, 4)):
        end = End(suite)
        end.stream.audio.level = 1000
        for _ in range(3):
            end.stream.tick()
        sent = [bytearray(data) for _, _, data in end.stream.udp.outgoing]
        assert [len(data) for data in sent] == [172 + tag] * 3
        assert [data[2:4] for data in sent] == [b"\x7f\xfe", b"\x7f\xff", b"\x80\x00"]
        for data in sent:
            assert end.far.unprotect(data, 0, len(data)) == 172 and data[12:172] == bytes([data[12]]) * 160


def test_a_burst_of_many_packets_in_one_read():
    for suite, tag in ((LONG, 10), (SHORT, 4)):
        end = End(suite)
        for i in range(4):
            end.hear(voice(i))
        assert end.stream.udp.peer == HERE and len(end.stream._data) == 6 * (172 + tag)
        end.come(*[end.seal(voice(i)) for i in range(4, 20)])
        end.stream.tick()
        stats = end.stream.stats
        assert (stats.received, stats.bad, stats.lost) == (20, 0, 0)
        # a key among them, and packets of other sizes
        end.come(end.seal(voice(20)), end.seal(rtp(1021, 3200, KEYS, 101)))
        end.come(end.seal(rtp(1022, 3360, bytes(160))), end.seal(rtp(1023, 3520, bytes(80))))
        end.come(end.seal(rtp(1024, 3600, bytes(80))), end.seal(rtp(1025, 3680, bytes(160))))
        end.stream.tick()
        assert stats.bad == 0 and stats.received == 26, (stats.received, stats.bad)


def test_garbage_and_repetitions_are_counted_and_not_heard():
    end = End()
    for i in range(6):
        end.hear(voice(i))
    sealed = end.seal(voice(6))
    end.come(sealed, sealed)
    end.stream.tick()
    stats = end.stream.stats
    assert stats.received == 7 and stats.duplicate == 1 and stats.bad == 0
    end.come(voice(7))  # not ciphered
    end.stream.tick()
    assert stats.received == 7 and stats.bad >= 1
    bad = stats.bad
    for data in (b"", b"\x80", bytes(11), b"\xff" * 1000, b"\x80\x00" + bytes(20), b"\x9f" + b"\xff" * 180):
        end.come(data)
        end.stream.tick()
    assert stats.bad > bad and end.stream.cipher.failed >= 5
    end.far.protect(bytearray(voice(7)))
    for i in range(8, 12):
        end.hear(voice(i))
    assert stats.received == 11


def test_a_stranger_who_sends_in_plain_is_not_connected_to():
    end = End()
    for i in range(4):
        end.come(voice(i))
        end.stream.tick()
    assert end.stream.udp.peer is None and end.stream.stats.received == 0
    end.hear(voice(0), voice(1))
    assert end.stream.udp.peer == HERE


def test_new_keys_in_the_middle_and_what_was_still_on_its_way():
    end = End()
    for i in range(6):
        end.hear(voice(i))
    late = [end.seal(voice(i)) for i in (6, 7)]
    end.keys(crypto(50), crypto(150))
    for data in late:
        end.come(data)
        end.stream.tick()
    for i in range(8, 14):
        end.hear(voice(i))
    stats = end.stream.stats
    assert stats.received == 14 and stats.bad == stats.lost == 0
    assert end.part._cipher._former is None
    sent = [bytearray(data) for _, _, data in end.stream.udp.outgoing]
    opened = [end.far.unprotect(data, 0, len(data)) for data in sent]
    assert opened == [172] * len(sent) and end.far._former is None, "and the far end found ours as well"


def test_the_same_keys_go_on_with_their_counter():
    end = End()
    n = 65533
    for i in range(6):
        end.hear(voice(i, first=n))
    for _ in range(3):
        end.keys(crypto(1), crypto(100))  # whoever puts whom on hold
        for _ in range(2):
            i += 1
            end.hear(voice(i, first=n))
    assert end.stream.stats.received == 12 and end.stream.stats.bad == 0
    assert end.part._cipher._receiver._sources._known[0].low == 1


def test_another_suite_and_none_at_all():
    end = End()
    data = end.stream.memory[0]
    for i in range(4):
        end.hear(voice(i))
    end.keys(crypto(2, SHORT), crypto(101, SHORT))
    for i in range(4, 8):
        end.hear(voice(i))
    assert len(end.stream._data) == 6 * 176 and len(end.stream.udp.outgoing[-1][2]) == 176
    end.keys(None, None)
    assert end.stream.cipher is None and end.stream._data is data
    for i in range(8, 12):
        end.come(voice(i))
        end.stream.tick()
    assert len(end.stream.udp.outgoing[-1][2]) == 172
    end.keys(crypto(3), crypto(102))
    for i in range(12, 16):
        end.hear(voice(i))
    assert end.stream.stats.received == 16 and end.stream.stats.bad == 0


def test_reports_are_ciphered_with_their_own_keys():
    end = End()
    report = b"\x81\xc8\x00\x06FAR!" + bytes(range(20))
    for suite in (LONG, SHORT):
        end.keys(crypto(7, suite), crypto(70, suite))
        sealed = bytearray(end.far.protect_control(memoryview(report)))
        assert len(sealed) == len(report) + 14 and sealed[:8] == report[:8]
        cipher = end.stream.cipher
        wrong = bytearray(sealed)
        wrong[20] ^= 1
        assert cipher.unprotect_control(wrong, 0, len(wrong)) == 0
        assert cipher.unprotect_control(sealed, 0, len(sealed)) == 28 and sealed[:28] == report
        assert cipher.unprotect_control(bytearray(sealed), 0, 42) == 0


def test_the_end_overwrites_everything():
    end = End()
    end.hear(voice(0), voice(1))
    end.keys(crypto(9), crypto(90))
    cipher = end.part._cipher
    ends = (cipher._sender, cipher._receiver, cipher._former)
    copies = cipher._ours[0], cipher._theirs[0]

    class Keys:
        wiped = 0

        def wipe(self):
            self.wiped += 1

    keys = end.part._keys = Keys()
    end.part.end()
    assert keys.wiped == 1 and not any(copies[0]) and not any(copies[1])
    for one in ends:
        for session in (one._rtp, one._control):
            assert session._aes is None and not any(session._salt) and not any(session._hmac.pads)
    assert cipher._former is None


def test_keys_that_memory_fails_for_are_the_end_of_a_call_that_was_plain():
    end = End()
    end.keys(None, None)
    for i in range(3):
        end.come(voice(i))
        end.stream.tick()
    end.stream.udp.outgoing.clear()
    over = []
    end.call._stop = lambda: over.append(True)

    def full(*_):
        raise MemoryError

    end.part._cipher.agree = full
    end.far = Cipher()
    end.keys(crypto(3), crypto(50))
    end.stream.tick()
    assert over and end.stream._stopped and not end.stream.udp.outgoing
