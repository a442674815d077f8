# Session descriptions: what a phone reads in one, and that hostile ones end in a RemoteError and nothing else.

import torture
from expect import status
from siplet.errors import RemoteError
from siplet.sdp import Sdp

HEAD = b"v=0\r\no=alice 2890844526 2890844527 IN IP4 host.example\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
AUDIO = HEAD + b"m=audio 49170 RTP/AVP 0 8 97 101\r\na=rtpmap:97 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"


def test_an_audio_stream_and_its_formats():
    sdp = Sdp(AUDIO + b"a=fmtp:101 0-15\r\na=ptime:30\r\na=sendonly\r\n")
    assert (sdp.address, sdp.version, len(sdp.media)) == ("192.0.2.1", b"2890844527", 1)
    media = sdp.media[0]
    assert (media.kind, media.port, media.proto) == (b"audio", 49170, b"RTP/AVP")
    assert media.formats == [b"0", b"8", b"97", b"101"]
    assert (media.address, media.direction, media.ptime) == ("192.0.2.1", "sendonly", 30)
    assert media.rtpmap(b"101") == (b"TELEPHONE-EVENT", 8000)
    assert media.fmtp(b"101") == b"0-15" and media.fmtp(b"10") == b""


def test_static_payload_types_need_no_rtpmap_but_obey_one():
    media = Sdp(AUDIO + b"a=rtpmap:8 G722/8000\r\n").media[0]
    assert media.rtpmap(b"0") == (b"PCMU", 8000)
    assert media.rtpmap(b"8") == (b"G722", 8000)
    assert media.rtpmap(b"18") is None and media.rtpmap(b"96") is None


def test_channels_make_another_codec():
    media = Sdp(AUDIO + b"a=rtpmap:98 pcmu/8000/1\r\na=rtpmap:99 pcmu/8000/2\r\n").media[0]
    assert media.rtpmap(b"98") == (b"PCMU", 8000)
    assert media.rtpmap(b"99") == (b"PCMU/2", 8000)
    assert media.rtpmap(b"97") == (b"OPUS/2", 48000)


def test_a_stream_may_have_its_own_address_and_direction():
    sdp = Sdp(
        HEAD + b"a=recvonly\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\na=sendrecv\r\n"
        b"m=video 4002/2 RTP/AVP 31\r\nc=IN IP4 233.252.0.1/127\r\nm=text 0 RTP/AVP 98\r\n"
    )
    assert [media.address for media in sdp.media] == ["2001:db8::1", "233.252.0.1", "192.0.2.1"]
    assert [media.direction for media in sdp.media] == ["sendrecv", "recvonly", "recvonly"]
    assert [media.port for media in sdp.media] == [4000, 4002, 0]


def test_lf_alone_and_blank_lines_at_the_end_are_tolerated():
    assert Sdp(AUDIO.replace(b"\r\n", b"\n") + b"\n\n").media[0].port == 49170
    assert Sdp(AUDIO[:-2]).media[0].rtpmap(b"101") == (b"TELEPHONE-EVENT", 8000)


def test_what_nobody_knows_is_passed_over():
    sdp = Sdp(AUDIO + b"b=AS:64\r\nk=clear:x\r\na=ssrc:1 cname:x\r\na=ptime:fast\r\na=\r\na=rtpmap:\r\nx=?\r\n")
    assert sdp.media[0].ptime == 0


def test_without_an_address_a_stream_has_none():
    assert Sdp(b"v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n").media[0].address is None


def test_what_is_no_description():
    for data in (
        b"",
        b"\r\n",
        b"not a description",
        b"v=1\r\n",
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
        HEAD + b"c=IN IP4\r\n",
        HEAD + b"c=IN IP4 192.0.2.1 x\r\n",
        HEAD + b"c=IN IP4 \xff\xfe\r\n",
        HEAD + b"c=ATM x y\r\n",
        HEAD + b"a=x\r\n" * 100,
        b"\n" * 4000,
    ):
        assert status(Sdp, data) == 400, data


def test_m_lines_and_formats_are_bounded():
    line = b"m=video 4000 RTP/AVP 31\r\n"
    assert len(Sdp(HEAD + line * 4).media) == 4
    assert status(Sdp, HEAD + line * 5) == 488
    many = Sdp(HEAD + b"m=audio 4000 RTP/AVP" + b" 9" * 1500 + b"\r\n").media[0]
    assert len(many.formats) == 24


def test_the_bodies_of_the_torture_messages_and_every_beginning_of_one():
    body = torture.load("sdp01")
    body = body[body.find(b"\r\n\r\n") + 4 :]
    for data in (body, AUDIO + b"a=fmtp:101 0-15\r\na=ptime:20\r\na=inactive\r\n"):
        for n in range(len(data)):
            for byte in (b"", b"\xff", b"=", b"\0", b" "):
                try:
                    for media in Sdp(data[:n] + byte + data[n + 1 :]).media:
                        for fmt in media.formats:
                            media.rtpmap(fmt)
                except RemoteError as error:
                    assert error.status in (400, 488)
