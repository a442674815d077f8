# Zero bytes a 20 ms frame: the media path under a locked heap, sending and receiving, keys and trouble included.

NEEDS = ("heap_lock",)

from locked import Agreement, Audio, Peer, locked
from siplet.media import dtmf, dtmf_sender, g711, g711_plain, rtp
from siplet.media.jitter import Jitter
from siplet.stream import Stats, Stream

SEED = b"\x12\x34\x56\x78\xff\x80\xff\xff\xf0\x00"  # sequence and timestamp wrap on the way


def stream(peer, agreement=None):
    s = Stream(Audio(), peer, lambda n: SEED[:n])
    s.configure(agreement or Agreement())
    return s


def ticks(s, n):
    while n:
        s.udp.arrive()
        s.tick()
        n -= 1


def test_the_lock_catches_what_it_must():
    # A test of the test: a float, a slice, a long int, an exception
    def caught(function):
        try:
            locked(function)
        except MemoryError:
            return True
        return False

    data = bytearray(40)
    big = [0x3FFFFFFFFFFFFFFF, 0x3FFFFFFF]
    assert caught(lambda: data[1:30])
    assert caught(lambda: big[0] + big[0] + big[0])
    assert caught(lambda: [data])
    assert not caught(lambda: big[1] + 1 - 1 if False else None)

    def swallow():
        try:
            raise OSError(11)
        except OSError:
            pass

    locked(swallow)  # one that is raised and swallowed may pass: so the tests below look at counters as well


def test_voice_both_ways():
    for codec, kind in ((b"PCMU", 0), (b"PCMA", 8)):
        s = stream(Peer(kind=kind), Agreement(codec, kind))
        ticks(s, 5)
        locked(ticks, s, 500)
        assert s.stats.received == 505 and s.udp.sent == 505
        assert s.audio.frames == 505 and s.audio.loud > 490
        assert s.stats.lost == s.stats.late == s.stats.bad == s.stats.foreign == 0


def test_the_first_packets_and_the_connection_too():
    s = stream(Peer())
    s.udp.connect(("192.0.2.7", 4000))
    locked(ticks, s, 20)
    assert s.udp.peer and s.audio.loud >= 17


def test_packets_of_other_lengths():
    for samples in (80, 240, 320, 480):
        s = stream(Peer(samples))
        ticks(s, 5)
        locked(ticks, s, 300)
        assert s.audio.loud > 290, samples
        assert s.stats.lost == s.stats.concealed == 0


def test_keys_both_ways():
    heard = bytearray(64)

    class Door:
        def __init__(self):
            self.n = 0

        def key(self, digit):
            heard[self.n] = ord(digit)
            self.n += 1

    door = Door()
    s = stream(Peer())
    s.on_digit = door.key
    s.udp.trouble = lambda tick: "key" if tick % 20 < 6 and tick > 19 else ""
    for digit in "0123456789*#ABCD":
        assert s.send_digit(digit, 100)
    ticks(s, 5)
    locked(ticks, s, 320)
    assert heard[: door.n] == b"123456789*#ABCD01"[: door.n] and door.n == 16
    assert s.stats.bad == s.stats.foreign == 0


def test_a_digit_can_be_queued():
    s = stream(Peer())
    s.send_digit("1")  # the first one makes what sends them
    ticks(s, 5)

    def press():
        s.send_digit("7")
        s.tick()

    locked(press)


def test_trouble():
    def trouble(tick):
        if tick % 7 == 3:
            return "lost"
        if tick % 11 == 5:
            return "twice"
        if 200 < tick < 260:
            return "gap"
        return "jump" if tick % 100 == 50 else ""

    s = stream(Peer())
    s.udp.trouble = trouble
    ticks(s, 5)
    locked(ticks, s, 500)
    assert s.stats.lost > 50 and s.stats.duplicate > 30 and s.stats.concealed > 30 and s.stats.foreign > 3
    assert s.audio.loud > 300


def test_garbage_coming_in():
    s = stream(Peer())
    ticks(s, 5)
    junk = bytearray(400)
    for i in range(400):
        junk[i] = i * 89 & 255

    def storm(n):
        while n:
            s.udp.arrive()
            s.udp.packet[0] = n & 255  # every version, every count of contributors, padding, extension
            junk[n % 400] = n & 255
            junk[0] = n * 7 & 255
            if n & 1:
                s.udp._put(junk)
            s.tick()
            n -= 1

    locked(storm, 400)
    assert s.stats.bad > 100


def test_on_hold_and_when_nobody_is_there():
    for direction in ("sendrecv", "sendonly", "recvonly", "inactive"):
        s = stream(Peer(), Agreement(direction=direction))
        ticks(s, 3)
        locked(ticks, s, 50)
        s.udp.trouble = lambda tick: "gap"
        locked(ticks, s, 200)


def test_skip():
    s = stream(Peer())
    ticks(s, 3)

    def late():
        s.skip(7)
        s.tick()

    locked(late)


# --- the parts by themselves ---


def test_g711_alone():
    both = (bytearray(320), bytearray(172), g711.table(0), g711.table(8))

    def run(encode, decode, move):
        pcm, out, mu_law, a_law = both
        encode(160, pcm, out, 12, 0)
        decode(160, out, pcm, 12, mu_law)
        encode(160, pcm, out, 12, 8)
        decode(160, out, pcm, 12, a_law)
        move(160, out, pcm, 12, 160)

    locked(run, g711.encode, g711.decode, g711.move)
    locked(run, g711_plain.encode, g711_plain.decode, g711_plain.move)


class Count:
    def __init__(self):
        self.n = 0


def test_rtp_alone():
    sender = rtp.Sender(lambda n: SEED[:n])
    packet = sender.voice
    receiver = rtp.Receiver(Stats())
    receiver.audio = 0

    def run(n):
        clock = 0
        while n:
            sender.number(packet, 0, n & 1, n & 2)
            sender.advance(160)
            receiver.split(packet, 0, 172)
            receiver.clock = clock
            receiver.take(packet, 0, 172)
            clock = (clock + 160 + (n & 3)) & 0x3FFFFFFF
            n -= 1

    locked(run, 1000)
    assert receiver.stats.received == 1000 and receiver.stats.lost == 0


def test_jitter_alone():
    jitter = Jitter(Stats())
    data = bytearray(320)
    count = Count()

    def run(n):
        time = 0x3FFFFF00  # wraps
        while n:
            if n % 5:
                jitter.put(time, data, 0, 160)
            if n % 9 == 0:
                jitter.put((time - 0x3FFFFC18) & 0x3FFFFFFF, data, 7, 313)
            if not jitter.get():
                count.n += 1
            time = (time - 0x3FFFFF60) & 0x3FFFFFFF
            n -= 1

    locked(run, 1000)
    assert count.n > 500


def test_dtmf_alone():
    sender = dtmf_sender.Sender()
    receiver = dtmf.Receiver()
    packet = bytearray(16)
    count = Count()

    def run(n):
        time = 0x3FFFFF00
        while n:
            if n % 40 == 0:
                sender.press("*", 200)
            step = sender.step(packet)
            if step == dtmf.FIRST:
                time = (time - 0x3FFFE700) & 0x3FFFFFFF
            if step and receiver.take(packet, 12, 4, time):
                count.n += 1
            n -= 1

    locked(run, 400)
    assert count.n == 10
