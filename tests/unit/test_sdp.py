# Session descriptions: what a phone reads in one, and that hostile ones end in a RemoteError and nothing else.

import torture
from expect import status
from siplet.errors import RemoteError
from siplet.sdp import DIRECTIONS, parse

HEAD = b"v=0\r\no=alice 2890844526 2890844527 IN IP4 host.example\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
AUDIO = HEAD + b"m=audio 49170 RTP/AVP 0 8 97 101\r\na=rtpmap:97 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"


def directions(data):
    return [DIRECTIONS[8 * media.direction : 8 * media.direction + 8] for media in parse(data)]


def test_an_audio_stream_and_its_formats():
    media = parse(AUDIO + b"a=fmtp:101 0-15\r\na=ptime:30\r\na=sendonly\r\n")
    assert len(media) == 1
    media = media[0]
    assert (media.kind, media.port, media.proto) == ("audio", 49170, "RTP/AVP")
    assert media.formats == ["0", "8", "97", "101"]
    assert (media.address, media.direction, media.ptime) == ("192.0.2.1", 1, 30)
    assert media.maps("101", b"telephone-event") and not media.maps("10", b"telephone-event")


def test_every_direction():
    assert directions(AUDIO) == [b"sendrecv"]
    for word in (b"inactive", b"sendonly", b"recvonly", b"sendrecv"):
        assert directions(HEAD + b"a=" + word + b"\r\nm=audio 4 RTP/AVP 0\r\n") == [word]
        assert directions(AUDIO + b"a=" + word + b" \r\n") == [word]
    for word in (b"ivesendo", b"yrecvonl", b"SENDONLY", b"send", b"", b"sendonlyrecvonly"):
        assert directions(AUDIO + b"a=" + word + b"\r\n") == [b"sendrecv"], word


def test_static_payload_types_need_no_rtpmap_but_obey_one():
    media = parse(AUDIO + b"a=rtpmap:8 G722/8000\r\n")[0]
    assert media.maps("0", b"PCMU") and not media.maps("0", b"PCMA")
    assert media.maps("8", b"G722") and not media.maps("8", b"PCMA")
    assert not media.maps("18", b"PCMU") and not media.maps("96", b"PCMA")


def test_rate_and_channels_make_another_codec():
    for line, expected in (
        (b"PCMU/8000", True),
        (b"pcmu/8000/1 ", True),
        (b"pcmu/8000/2", False),
        (b"pcmu/8000/11", False),
        (b"pcmu/80000", False),
        (b"pcmu/16000", False),
        (b"pcmu/800", False),
        (b"pcmu", False),
        (b"pcmuu/8000", False),
        (b"pcm", False),
        (b"", False),
    ):
        for end in (b"\r\n", b"\n", b""):
            media = parse(AUDIO + b"a=rtpmap:98 x/8000\r\na=rtpmap:9 " + line + end)[0]
            assert media.maps("9", b"PCMU") == expected, line


def test_a_map_belongs_to_the_stream_that_it_stands_under():
    first, second = parse(AUDIO + b"m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 speex/8000\r\na=rtpmap:96 g726/8000")
    assert first.maps("101", b"telephone-event") and not first.maps("96", b"G726")
    assert second.maps("101", b"SPEEX") and second.maps("96", b"G726")


def test_a_stream_may_have_its_own_address_and_direction():
    data = (
        HEAD + b"a=recvonly\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\na=sendrecv\r\n"
        b"m=video 4002/2 RTP/AVP 31\r\nc=IN IP4 233.252.0.1/127\r\nm=text 0 RTP/AVP 98\r\n"
    )
    assert [media.address for media in parse(data)] == ["2001:db8::1", "233.252.0.1", "192.0.2.1"]
    assert directions(data) == [b"sendrecv", b"recvonly", b"recvonly"]
    assert [media.port for media in parse(data)] == [4000, 4002, 0]


def test_lf_alone_and_blank_lines_at_the_end_are_tolerated():
    assert parse(AUDIO.replace(b"\r\n", b"\n") + b"\n\n")[0].port == 49170
    assert parse(AUDIO + b" \r\n\r\na=sendonly\r\n\t")[0].direction == 1
    assert parse(AUDIO[:-2])[0].maps("101", b"telephone-event")


def test_what_nobody_knows_is_passed_over():
    for ptime in (b"fast", b"", b"-20", b"20.5", b"4000"):
        line = b"a=ptime:" + ptime + b"\r\n"
        media = parse(AUDIO + line + b"b=AS:64\r\nk=clear:x\r\na=ssrc:1 cname:x\r\na=\r\na=rtpmap:\r\nx=?\r\n")
        assert media[0].ptime == 0
    assert parse(AUDIO.replace(b"s=-", b"s=T\xfcr\xff"))


def test_without_an_address_a_stream_has_none():
    assert parse(b"v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")[0].address is None


def test_what_is_no_description():
    for data in (
        b"",
        b"\r\n",
        b"not a description",
        b"v=1\r\n",
        b"v=01\r\n",
        b"v=\r\n",
        b"o=- 1 1 IN IP4 h\r\nv=0\r\n",
        b"v=0\r\nnonsense\r\n",
        b"v=0\r\n\0\0\0\0\r\n",
        b"v=0\r\no=too short\r\n",
        HEAD + b"m=audio\r\n",
        HEAD + b"m=audio 4000 RTP/AVP\r\n",
        HEAD + b"m=audio -1 RTP/AVP 0\r\n",
        HEAD + b"m=audio 65536 RTP/AVP 0\r\n",
        HEAD + b"m=audio 99999999999999999999 RTP/AVP 0\r\n",
        HEAD + b"m=audio 0x10 RTP/AVP 0\r\n",
        HEAD + b"m=audio port RTP/AVP 0\r\n",
        HEAD + b"m=audio /2 RTP/AVP 0\r\n",
        HEAD + b"m=audio 4000 RTP/\xc3\xa4 0\r\n",
        HEAD + b"m=aud\0io 4000 RTP/AVP 0\r\n",
        HEAD + b"m=\r\n",
        HEAD + b"m\r\n",
        HEAD + b" m=audio 4000 RTP/AVP 0\r\n",
        HEAD + b"c=\r\n",
        HEAD + b"c=IN IP4\r\n",
        HEAD + b"c=IN IP4 192.0.2.1 x\r\n",
        HEAD + b"c=IN IP4 \xff\xfe\r\n",
        HEAD + b"c=ATM x y\r\n",
        HEAD + b"a=x\r\n" * 100,
        b"\n" * 4000,
    ):
        assert status(parse, data) == 400, data


def test_m_lines_and_formats_are_bounded():
    line = b"m=video 4000 RTP/AVP 31\r\n"
    assert len(parse(HEAD + line * 4)) == 4
    assert status(parse, HEAD + line * 5) == 488
    many = parse(HEAD + b"m=audio 4000 RTP/AVP" + b" 9" * 1500 + b"\r\n")[0]
    assert len(many.formats) == 24


def test_the_bodies_of_the_torture_messages_and_every_beginning_of_one():
    body = torture.load("sdp01")
    body = body[body.find(b"\r\n\r\n") + 4 :]
    for data in (body, AUDIO + b"a=fmtp:101 0-15\r\na=ptime:20\r\na=inactive\r\n"):
        for n in range(len(data)):
            for byte in (b"", b"\xff", b"=", b"\0", b" "):
                try:
                    for media in parse(data[:n] + byte + data[n + 1 :]):
                        for fmt in media.formats:
                            media.maps(fmt, b"PCMU")
                except RemoteError as error:
                    assert error.status in (400, 488)
