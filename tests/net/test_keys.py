# Ciphered calls of two phones on loopback, and the stories of offer and answer about keys (RFC 4568, RFC 8643) between
# two lines. What others do with them is in tests/interop/test_srtp.py.

import asyncio
import gc
import re

from siplet import CallError, Phone, platform
from siplet.errors import CallRejected, RemoteError
from siplet.media.rtp import HEADER
from siplet.sip import replaces
from siplet.sound.parts import PARTS, Sound
from siplet.sound.security import Keys
from siplet.sound.srtp import Srtp

NEEDS = ("sockets",)
HERE = "127.0.0.1"


class Loud:
    """An audio object that says a saw, and notes how much of it was heard."""

    rate = 8000

    def __init__(self):
        self.loud = 0

    def start(self):
        pass

    def stop(self):
        pass

    def read(self, frame):
        for i in range(0, len(frame), 2):
            frame[i] = 0
            frame[i + 1] = i & 31
        return True

    def write(self, frame):
        self.loud += frame[1] != 0 or frame[101] != 0


def phone(user, mode="offer", anyway=True, **options):
    sound = {"sound.complete": True, "sound.srtp_encryption": mode, "sound.srtp_without_tls": anyway}
    sound["sound.progress_tones"] = False
    return Phone(
        f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Loud(), accept=("open",), sound=sound, **options
    )


async def take(desk):
    call = await desk.incoming(timeout_ms=3000)
    await call.answer()
    return call


async def connect(bell, desk):
    task = asyncio.create_task(take(desk))
    call = bell.call(f"sip:desk@{HERE}:{desk.local_port}", timeout_ms=3000)
    await call.connect()
    return call, await task


def keys_of(call):
    return keys(call.line)


async def test_both_ends_are_heard_through_a_cipher():
    for mode in ("offer", "require"):
        async with phone("bell", mode) as bell, phone("desk", mode) as desk:
            for _ in range(2):  # the second call has keys of its own
                call, other = await connect(bell, desk)
                sent = bytes(keys_of(call).ours.key)
                assert sent == keys_of(other).theirs.key and keys_of(call).theirs.key == keys_of(other).ours.key
                await platform.sleep_ms(300)
                for end in (call, other):
                    assert end.is_encrypted() and end.stats.received > 8 and end.stats.bad == end.stats.lost == 0
                    assert end.stream.cipher.failed == end.stream.cipher.replayed == 0
                assert bell.audio.loud > 5 and desk.audio.loud > 5
                await call.hold()
                await platform.sleep_ms(60)
                await call.resume()
                await other.hold()
                await other.resume()
                received = call.stats.received, other.stats.received
                await platform.sleep_ms(200)
                assert call.stats.received > received[0] + 5 and other.stats.received > received[1] + 5
                assert bytes(keys_of(call).ours.key) == sent == keys_of(other).theirs.key
                for end in (call, other):
                    assert end.is_encrypted() and end.stream.cipher.failed == 0
                both = keys_of(call), keys_of(other)
                spent = [key for keys in both for key in keys._spent]
                cipher = call.stream.cipher
                await call.hangup()
                await other.ended(timeout_ms=2000)
                await platform.sleep_ms(50)
                assert spent and not any(any(key) for key in spent), "keys are overwritten"
                assert not any(cipher._sender._rtp._hmac.pads) and cipher._sender._rtp._aes is None
                assert not call.is_encrypted() and both[0].ours is None
            assert bell.faults == desk.faults == 0


async def test_what_goes_over_the_wire_is_not_what_was_said():
    async with phone("bell") as bell, phone("desk") as desk:
        call, other = await connect(bell, desk)
        sent = []
        protect = call.stream.cipher.protect

        def spy(packet):
            sealed = protect(packet)
            sent.append((bytes(packet), bytes(sealed)))
            return sealed

        call.stream.cipher.protect = spy
        await platform.sleep_ms(200)
        assert sent
        for plain, sealed in sent:
            assert len(sealed) == len(plain) + 10 and sealed[:HEADER] == plain[:HEADER]
            assert sealed[HEADER : len(plain)] != plain[HEADER:]
            assert plain[2] < 130, "the first wrap is far"
        await call.hangup()
        await other.ended(timeout_ms=2000)


async def test_who_has_no_keys_is_called_all_the_same_unless_they_are_required():
    for caller, called in (("offer", "off"), ("off", "offer")):
        async with phone("bell", caller) as bell, phone("desk", called) as desk:
            call, other = await connect(bell, desk)
            await platform.sleep_ms(200)
            for end in (call, other):
                assert not end.is_encrypted() and end.stats.received > 5
            await call.hold()
            await call.resume()
            await other.hold()
            await other.resume()
            assert not call.is_encrypted()
            await call.hangup()
            await other.ended(timeout_ms=2000)
    for caller, called in (("require", "off"), ("off", "require")):
        async with phone("bell", caller) as bell, phone("desk", called) as desk:
            try:
                await bell.call(f"sip:desk@{HERE}:{desk.local_port}", timeout_ms=3000).connect()
            except CallRejected as error:
                assert error.status == 488
            else:
                raise AssertionError
            assert bell.faults == desk.faults == 0


async def test_without_tls_no_key_is_told():
    said = []
    bell = phone("bell", "offer", False, trace=lambda sent, data, address: sent and said.append(bytes(data)))
    async with bell, phone("desk", "offer", True) as desk:
        for caller, called in ((bell, desk), (desk, bell)):  # nor is one believed
            call, other = await connect(caller, called)
            assert not call.is_encrypted() and not other.is_encrypted()
            await call.hangup()
            await other.ended(timeout_ms=2000)
    assert said and not any(b"crypto" in data for data in said)
    async with phone("bell", "require", False) as bell, phone("desk", "require", True) as desk:
        for caller, called in ((bell, desk), (desk, bell)):
            name = "desk" if called is desk else "bell"
            try:
                await caller.call(f"sip:{name}@{HERE}:{called.local_port}", timeout_ms=3000).connect()
            except CallRejected as error:
                assert error.status == 488
            else:
                raise AssertionError
        assert not bell.endpoint.sessions and bell.faults == desk.faults == 0


async def test_a_call_moves_to_somebody_else_with_keys_of_its_own():
    async with phone("bell") as bell, phone("desk") as desk, phone("attic") as attic:
        call, other = await connect(bell, desk)
        first = bytes(keys_of(call).ours.key)
        task = asyncio.create_task(take(attic))
        await other.transfer(f"sip:attic@{HERE}:{attic.local_port}", timeout_ms=5000)
        third = await task
        await platform.sleep_ms(300)
        for end in (call, third):
            assert end.is_encrypted() and end.state == "up"
        received = call.stats.received, third.stats.received, call.stream.cipher.failed
        await platform.sleep_ms(200)
        assert call.stats.received > received[0] + 5 and third.stats.received > received[1] + 5
        assert call.stream.cipher.failed == received[2]
        assert bytes(keys_of(call).ours.key) != first
        await call.hold()
        await call.resume()
        assert call.is_encrypted()
        await call.hangup()
        await third.ended(timeout_ms=2000)
        assert bell.faults == desk.faults == attic.faults == 0


async def test_calls_leave_nothing_behind():
    async with phone("bell") as bell, phone("desk") as desk:

        async def once():
            call, other = await connect(bell, desk)
            await platform.sleep_ms(60)
            await call.hangup()
            await other.ended(timeout_ms=2000)
            await platform.sleep_ms(40)

        for _ in range(3):
            await once()
        for one in (bell, desk):
            assert len(one.sound._spare) == 1
            (part,) = [part for part in one.sound._spare[0] if isinstance(part, Srtp)]
            assert part._keys is None and part._call is None and len(part._data) == 6 * 182
            cipher = part._cipher
            assert cipher._ours is None and cipher._theirs is None and cipher._former is None
            assert len(cipher._room.sent) <= 4
        before = {id(part._cipher._room) for part in desk.sound._spare[0] if isinstance(part, Srtp)}
        await once()
        assert before == {id(part._cipher._room) for part in desk.sound._spare[0] if isinstance(part, Srtp)}
        gc.collect()


# -- two lines, by their descriptions alone


class Paper:
    """A phone with lines and nothing else."""

    bind_address = local_address = HERE
    rtp_ports = None
    codecs = [b"PCMA", b"PCMU"]
    audio = None

    def __init__(self, mode="offer", anyway=True):
        self.spare = []
        options = {key: off for _, _, key, _, off in PARTS}
        options.update({"sound.srtp_encryption": mode, "sound.srtp_without_tls": anyway})
        self.sound = Sound(options)
        self.hop = b""

    def route(self, target, account):
        return None, target.encode(), self.hop


class Made:
    """A call that is made."""

    phone = account = None

    def __init__(self, remote):
        self.remote = remote


class Came:
    """A session that came."""

    def __init__(self, source):
        self.source = source


def lines(*modes):
    return [Paper(mode).sound(Paper(mode)) for mode in modes]


def said(data):
    """(profile, [values of a=crypto]) of a description."""
    text = data.decode()
    return re.search("m=audio [0-9]+ ([A-Z/]+)", text).group(1), [
        line[9:] for line in text.split("\r\n") if line[:9] == "a=crypto:"
    ]


def close(*lines):
    for line in lines:
        line.close()


def keys(line):
    return next(one for one in line.extras if isinstance(one, Keys))


def test_who_refuses_plain_rtp_with_keys_is_asked_once_more():
    line, far = lines("offer", "offer")
    first = line.offer()
    assert line.insist()
    second = line.offer()
    assert said(second)[0] == "RTP/SAVP" and said(second)[1] == said(first)[1]
    assert not line.insist(), "once"
    line.accept(far.answer(second))
    assert keys(line).theirs and said(line.offer())[0] == "RTP/SAVP"
    close(line, far)
    for mode in ("require", "off"):
        (line,) = lines(mode)
        line.offer()
        assert not line.insist()
        close(line)


async def test_a_phone_that_takes_rtp_savp_alone_is_reached_all_the_same():
    refused = []
    async with phone("bell") as bell, phone("desk") as desk:
        make = desk.sound

        def strict(owner, subject):
            line = make(owner, subject)
            line.profiles = ("RTP/SAVP",)
            refused.append(line)
            return line

        desk.sound = strict
        call, other = await connect(bell, desk)
        assert call.is_encrypted() and other.is_encrypted() and len(refused) == 2
        await call.hangup()
        await other.ended(timeout_ms=2000)
        assert bell.faults == desk.faults == 0


def test_an_offer_says_two_suites_with_keys_of_their_own():
    for mode, profile in (("offer", "RTP/AVP"), ("require", "RTP/SAVP")):
        (line,) = lines(mode)
        offer = line.offer()
        proto, cryptos = said(offer)
        assert proto == profile and len(cryptos) == 2
        assert cryptos[0].startswith("1 AES_CM_128_HMAC_SHA1_80 inline:")
        assert cryptos[1].startswith("2 AES_CM_128_HMAC_SHA1_32 inline:")
        assert cryptos[0][-40:] != cryptos[1][-40:] and "|" not in offer.decode()
        assert line.offer() == offer, "the same version, said again"
        close(line)
        assert not line.extras[-1]._said


def test_the_answer_takes_one_and_says_its_own():
    bell, desk = lines("offer", "require")
    offer = bell.offer()
    answer = desk.answer(offer)
    proto, cryptos = said(answer)
    assert proto == "RTP/AVP" and len(cryptos) == 1 and cryptos[0].startswith("1 AES_CM_128_HMAC_SHA1_80 inline:")
    bell.accept(answer)
    assert keys(bell).theirs.key == keys(desk).ours.key != keys(bell).ours.key == keys(desk).theirs.key
    # 183 and 200 say the same
    before = keys(bell).ours.key
    bell.accept(answer)
    assert keys(bell).ours.key is before
    # a fork chose the other suite
    other = desk.answer(offer.replace(b"_80", b"_99"))
    assert said(other)[1][0].startswith("2 AES_CM_128_HMAC_SHA1_32 inline:")
    bell.accept(other)
    assert keys(bell).ours.number == 2 and keys(bell).ours.suite[1] == 4
    close(bell, desk)


def test_a_change_of_the_call_keeps_the_keys_and_the_profile():
    bell, desk = lines("require", "offer")
    bell.accept(desk.answer(bell.offer()))
    ours, theirs = bytes(keys(desk).ours.key), bytes(keys(desk).theirs.key)
    desk.direction = "sendonly"
    again = desk.offer()
    assert said(again)[0] == "RTP/SAVP" and len(said(again)[1]) == 1
    answer = bell.answer(again)
    assert said(answer)[0] == "RTP/SAVP" and b"a=recvonly" in answer
    desk.accept(answer)
    assert (ours, theirs) == (keys(desk).ours.key, keys(desk).theirs.key)
    assert keys(bell).ours.key == theirs and keys(bell).theirs.key == ours
    close(bell, desk)


def test_a_new_key_is_answered_with_a_new_key():
    bell, desk = lines("offer", "offer")
    third, _ = lines("offer", "offer")
    desk.answer(bell.offer())
    first = keys(desk).ours
    desk.answer(bell.offer())
    assert keys(desk).ours.key is first.key
    desk.answer(third.offer())
    assert keys(desk).ours.key != first.key and keys(desk).theirs.key == keys(third)._said[0].key
    close(bell, desk, third, _)


def test_offers_of_every_kind():
    key = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    plain = "m=audio 4000 RTP/AVP 8"
    secret = "m=audio 4000 RTP/SAVP 8"
    usable = f"a=crypto:7 AES_CM_128_HMAC_SHA1_80 {key}|2^20"
    strong = f"a=crypto:1 AES_256_CM_HMAC_SHA1_80 {key}{key[7:]}"
    closed = "m=audio 0 RTP/SAVP 8"
    for mode, offer, expected in (
        ("offer", (plain,), ("RTP/AVP", 0)),
        ("offer", (plain, usable), ("RTP/AVP", 1)),
        ("offer", (plain, strong), ("RTP/AVP", 0)),
        ("offer", (secret, usable), ("RTP/SAVP", 1)),
        ("offer", (secret, strong, usable), ("RTP/SAVP", 1)),
        ("offer", (secret + "\r\n" + usable, plain), ("m=audio 0 RTP/AVP 8", 1)),
        ("offer", (plain, secret + "\r\n" + usable), (closed, 0)),
        ("offer", ("m=audio 4000 RTP/SAVPF 8", usable), ("RTP/SAVPF", 1)),
        ("offer", (secret, strong, plain), (closed, 0)),
        ("offer", (secret,), 488),
        ("offer", (secret, strong), 488),
        ("offer", ("m=audio 4000 RTP/AVPF 8",), 488),
        ("offer", ("m=audio 4000 UDP/TLS/RTP/SAVPF 8", usable), 488),
        ("require", (plain,), 488),
        ("require", (plain, strong), 488),
        ("require", (plain, usable), ("RTP/AVP", 1)),
        ("require", (plain, secret + "\r\n" + usable), ("m=audio 0 RTP/AVP 8", 1)),
        ("off", (plain, usable), ("RTP/AVP", 0)),
        ("off", (secret, usable), 488),
    ):
        (line,) = lines(mode)
        text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" + "\r\n".join(offer) + "\r\n"
        try:
            answer = line.answer(text.encode())
        except RemoteError as error:
            assert error.status == expected, (mode, offer)
            assert line.agreed is None
        else:
            _, cryptos = said(answer)
            assert len(cryptos) == expected[1], (mode, offer, answer)
            assert expected[0] in answer.decode() and answer.count(b"m=audio 0") == expected[0].count("m=audio 0")
            assert all(one.startswith("7 AES_CM_128_HMAC_SHA1_80 inline:") for one in cryptos)
        close(line)


def test_answers_of_every_kind():
    for mode, change, status in (
        ("offer", (b"a=crypto:1", b"a=crypto:3"), 0),  # no tag of ours: as if there were none
        ("offer", (b"a=crypto:1", b"a=nothing:1"), 0),
        ("require", (b"a=crypto:1", b"a=crypto:2"), 488),  # our tag, another suite
        ("require", (b"a=crypto:1", b"a=nothing:1"), 488),
        ("require", (b"inline:", b"inline:x"), 488),
        ("require", (b"RTP/SAVP", b"RTP/AVP"), None),
    ):
        line, far = lines(mode, "offer")
        answer = far.answer(line.offer()).replace(change[0], change[1])
        try:
            line.accept(answer)
            assert bool(keys(line).theirs) == (status is None)
        except RemoteError as error:
            assert error.status == status, (mode, change)
            assert line.agreed is None and keys(line).theirs is None
        close(line, far)


def test_who_agreed_on_plain_rtp_goes_on_with_it_until_the_far_end_has_keys():
    line, far = lines("offer", "off")
    bell, _ = lines("offer", "offer")
    line.accept(far.answer(line.offer()))
    assert said(line.offer()) == ("RTP/AVP", [])
    answer = line.answer(bell.offer())
    assert len(said(answer)[1]) == 1 and keys(line).theirs
    line.answer(far.offer())
    assert keys(line).theirs is None and keys(line).ours is None
    close(line, far, bell, _)


def test_what_counts_as_tls():
    for hop, remote, safe in (
        (b"", "sip:desk@192.0.2.1", False),
        (b"", "sip:desk@192.0.2.1;transport=tcp", False),
        (b"", "sip:desk@192.0.2.1;transport=tls", True),
        (b"", "sips:desk@pbx.example", True),
        (b"sip:pbx.example;transport=tls", "sip:desk@pbx.example", True),
        (b"sip:pbx.example;transport=WSS", "sip:desk@pbx.example", True),
        (b"sip:pbx.example;transport=ws", "sip:desk@pbx.example;transport=tls", False),
        (b"", "mailto:desk@pbx.example", False),
    ):
        phone = Paper("offer", False)
        phone.hop = hop
        line = phone.sound(phone, Made(remote))
        assert bool(said(line.offer())[1]) == safe, (hop, remote)
        close(line)
    for source, safe in (
        (("192.0.2.1", 5060), False),
        (("192.0.2.1", 5060, b"TCP"), False),
        (("192.0.2.1", 5061, b"TLS"), True),
        (("192.0.2.1", 443, b"WSS"), True),
    ):
        phone = Paper("offer", False)
        line = phone.sound(phone, Came(source))
        (bell,) = lines("offer")
        assert bool(said(line.answer(bell.offer()))[1]) == safe
        close(line, bell)
    phone = Paper("require", False)
    for subject, kind in ((Made("sip:desk@192.0.2.1"), CallRejected), (Came(("192.0.2.1", 5060)), RemoteError)):
        try:
            phone.sound(phone, subject)
        except kind as error:
            assert error.status == 488
        else:
            raise AssertionError
    assert len(phone.sound._spare) == 1, "its parts are free again"


def test_a_call_that_is_sent_on_tells_its_keys_over_tls_alone():
    for mode in ("offer", "require"):
        phone = Paper(mode, False)
        line = phone.sound(phone, Made("sips:desk@pbx.example"))
        offer = line.offer()
        assert line.goes(b"sip:desk@other.example;transport=tls") == offer
        try:
            plain = line.goes(b"sip:desk@192.0.2.1")
        except RemoteError as error:
            assert mode == "require" and error.status == 488
        else:
            assert mode == "offer" and said(plain) == ("RTP/AVP", [])
            (far,) = lines("offer")
            line.accept(far.answer(plain))
            assert keys(line).theirs is None
            close(far)
        try:
            other = line.again(5, b"sip:attic@192.0.2.1").offer()
            assert mode == "offer" and said(other) == ("RTP/AVP", [])
        except RemoteError as error:
            assert mode == "require" and error.status == 488
        close(line)


async def test_a_call_without_memory_for_its_cipher_is_over_and_nothing_went_out_in_plain():
    async with phone("bell", "require") as bell, phone("desk", "require") as desk:
        parts = bell.sound._spare[0]
        srtp = next(part for part in parts if getattr(part, "vital", False))

        def full(call):
            raise MemoryError

        srtp.begin = full
        call = bell.call(f"sip:desk@{HERE}:{desk.local_port}", timeout_ms=3000)
        task = asyncio.create_task(call.connect())
        other = await desk.incoming(timeout_ms=3000)
        for each in (other.answer(), task):
            try:
                await each
            except CallError:
                pass
        assert await call.ended(timeout_ms=3000) and await other.ended(timeout_ms=3000)
        assert not call.stats.sent and not (other.stats and other.stats.received)
        assert bell.faults == desk.faults == 0


class Former:
    """A session whose call another one replaces."""

    credentials = call = None
    user = b"desk"

    def __init__(self, media):
        self.media = media
        self.over = False

    def hang_up(self, now):
        self.over = True


class Endpoint:
    """What replaces.take() needs of one."""

    media = None

    def emit(self, *event):
        self.event = event


class Replacing:
    """An INVITE, as sip.invite_server has it, whose body is the request."""

    def __init__(self, endpoint, *_):
        self.endpoint = endpoint

    def start(self, request, source, now):
        self.said = self.endpoint.media(self).answer(request)

    def answer(self, now):
        """It is answered."""


def test_who_takes_the_place_of_a_far_end_is_believed_keys_over_tls_alone():
    find, incoming = replaces.find, replaces.Incoming
    try:
        for mode in ("offer", "require"):
            for had in (True, False):
                line = Paper(mode, False).sound(Paper(mode, False), Came(("192.0.2.9", 5061, b"TLS")))
                far, other = lines("offer" if had else "off", "offer")
                if had or mode == "offer":
                    line.answer(far.offer())
                former, endpoint = Former(line), Endpoint()
                replaces.find = lambda *_, former=former: former
                replaces.Incoming = Replacing
                offer = other.offer()
                try:
                    replaces.take(endpoint, offer, ("192.0.2.9", 5060), 0)
                    assert mode == "offer" and not had
                    assert said(endpoint.event[1].said) == ("RTP/AVP", []) and former.over
                except RemoteError as error:
                    assert error.status == 488 and not former.over and (mode == "require" or had)
                    assert bool(keys(line).theirs) == had
                    replaces.take(endpoint, offer, ("192.0.2.9", 5061, b"TLS"), 0)
                    assert len(said(endpoint.event[1].said)[1]) == 1 and former.over
                close(line, far, other)
    finally:
        replaces.find, replaces.Incoming = find, incoming
