# Offer and answer by the rules of RFC 3264: codecs, refused streams, hold, telephone-event, ptime, delayed offers.

from expect import status
from siplet.offer import Negotiation
from siplet.sdp import parse

HEAD = b"v=0\r\no=- 7 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
PLAIN = HEAD + b"m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"


def phone(**options):
    return Negotiation("192.0.2.1", 4000, **options)


def call(a, b):
    """a offers, b answers."""
    answer = b.answer(a.offer())
    a.accept(answer)
    return answer


def version(data):
    return int(data.split(b" ")[2])


def test_an_offer_names_every_codec_in_our_order():
    assert phone(session_id=42).offer() == (
        b"v=0\r\no=- 42 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\n"
        b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
        b"a=ptime:20\r\na=sendrecv\r\n"
    )
    media = parse(phone(codecs=(b"PCMU",), dtmf=False).offer())[0]
    assert media.formats == ["0"]
    assert b"IN IP6 2001:db8::1\r\n" in Negotiation("2001:db8::1", 4000).offer()


def test_two_phones_agree():
    a = phone()
    b = Negotiation("192.0.2.2", 5000, codecs=(b"PCMU", b"PCMA"))
    answer = call(a, b)
    # the offerer's order decides, and the answer names one codec
    assert parse(answer)[0].formats == ["8", "101"]
    assert (a.agreed.address, a.agreed.port, b.agreed.address, b.agreed.port) == ("192.0.2.2", 5000, "192.0.2.1", 4000)
    for side in (a, b):
        assert (side.agreed.codec, side.agreed.payload_type, side.agreed.dtmf) == (b"PCMA", 8, 101)
        assert (side.agreed.direction, side.agreed.ptime) == ("sendrecv", 20)


def test_no_common_codec_is_488_and_changes_nothing():
    a = phone(codecs=(b"PCMA",))
    for media in (
        b"m=audio 6000 RTP/AVP 0 18\r\n",
        b"m=audio 0 RTP/AVP 8\r\n",
        b"m=video 6000 RTP/AVP 8\r\n",
        b"m=audio 6000 RTP/SAVP 8\r\n",
        b"m=audio 6000 UDP/TLS/RTP/SAVPF 8\r\n",
        b"m=audio 6000 RTP/AVP 8\r\na=rtpmap:8 G722/8000\r\n",
        b"m=audio 6000 RTP/AVP 97\r\na=rtpmap:97 PCMA/16000\r\n",
        b"m=audio 6000 RTP/AVP 97\r\na=rtpmap:97 PCMA/8000/2\r\n",
        b"m=audio 6000 RTP/AVP 1008 -8 8x\r\n",
        b"m=audio 6000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n",
        b"",
    ):
        assert status(a.answer, HEAD + media) == 488, media
        assert a.agreed is None
    assert status(a.answer, b"nonsense") == 400
    call(a, phone())
    before = a.agreed
    assert status(a.answer, HEAD + b"m=audio 6000 RTP/AVP 18\r\n") == 488
    assert a.agreed is before


def test_an_offer_without_an_address_cannot_be_answered():
    assert status(phone().answer, PLAIN.replace(b"c=IN IP4 192.0.2.9\r\n", b"")) == 488


def test_every_other_stream_is_refused_in_its_place():
    a = phone()
    answer = a.answer(
        HEAD + b"m=video 6002 RTP/AVP 31 32\r\nm=audio 6000 RTP/AVP 18\r\nm=audio 6004 RTP/AVP 0\r\n"
        b"m=audio 6006 RTP/AVP 8\r\n"
    )
    media = parse(answer)
    assert [(m.kind, m.port, m.formats[0]) for m in media] == [
        ("video", 0, "31"),
        ("audio", 0, "18"),
        ("audio", 4000, "0"),
        ("audio", 0, "8"),
    ]
    assert (a.agreed.port, a.agreed.codec) == (6004, b"PCMU")
    # and they keep their places when the next offer is ours: 8
    media = parse(a.offer())
    assert [(m.kind, m.port) for m in media] == [("video", 0), ("audio", 0), ("audio", 4000), ("audio", 0)]
    a.accept(
        HEAD + b"m=video 0 RTP/AVP 31\r\nm=audio 0 RTP/AVP 18\r\nm=audio 6008 RTP/AVP 8\r\nm=audio 0 RTP/AVP 8\r\n"
    )
    assert (a.agreed.port, a.agreed.codec) == (6008, b"PCMA")


def test_telephone_event_keeps_the_number_it_was_offered_with():
    for offered, expected in (
        (b"0 96\r\na=rtpmap:96 telephone-event/8000", 96),
        (b"0 127 101\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:127 Telephone-Event/8000", 127),
        (b"0 100 101\r\na=rtpmap:100 telephone-event/48000\r\na=rtpmap:101 telephone-event/8000/1", 101),
        (b"0 101\r\na=rtpmap:101 opus/48000/2", -1),
        (b"0 0\r\na=rtpmap:101 telephone-event/8000", -1),
        (b"101 0\r\na=rtpmap:101 PCMA/8000", -1),
        (b"0 130\r\na=rtpmap:130 telephone-event/8000", -1),
        (b"0", -1),
    ):
        a = phone()
        answer = a.answer(HEAD + b"m=audio 6000 RTP/AVP " + offered + b"\r\n")
        assert a.agreed.dtmf == expected, offered
        assert (b"telephone-event" in answer) == (expected >= 0)
        if expected >= 0:
            assert f"a=rtpmap:{expected} telephone-event/8000\r\na=fmtp:{expected} 0-15\r\n".encode() in answer
            # a number means the same for the whole session: 8.3.2
            assert parse(a.offer())[0].formats == ["8", "0", str(expected)]


def test_a_number_in_use_is_not_given_to_telephone_event_later():
    a = phone()
    a.answer(HEAD + b"m=audio 6000 RTP/AVP 0 101 100\r\na=rtpmap:101 opus/48000/2\r\na=rtpmap:100 speex/8000\r\n")
    assert parse(a.offer())[0].formats == ["8", "0", "99"]


def test_without_dtmf_none_is_agreed():
    a = phone(dtmf=False)
    assert b"telephone" not in a.answer(PLAIN)
    assert a.agreed.dtmf == -1


def test_a_codec_may_come_under_a_dynamic_number():
    a = phone()
    answer = a.answer(HEAD + b"m=audio 6000 RTP/AVP 97 0\r\na=rtpmap:97 PCMA/8000\r\n")
    assert (a.agreed.codec, a.agreed.payload_type) == (b"PCMA", 97)
    assert b"m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 PCMA/8000\r\n" in answer


def test_ptime_is_what_the_far_end_likes_within_reason():
    for line, expected in ((b"", 20), (b"a=ptime:30\r\n", 30), (b"a=ptime:0\r\n", 20), (b"a=ptime:999999\r\n", 20)):
        a = phone()
        answer = a.answer(PLAIN + line)
        assert a.agreed.ptime == expected and b"a=ptime:20\r\n" in answer


def test_directions_answer_each_other():
    # what they offer, what we want, what we then answer and do: 6.1
    for offered, wanted, expected in (
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendrecv", "recvonly", "recvonly"),
        ("sendrecv", "inactive", "inactive"),
        ("sendonly", "sendrecv", "recvonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "sendrecv", "sendonly"),
        ("recvonly", "recvonly", "inactive"),
        ("inactive", "sendrecv", "inactive"),
    ):
        a = phone()
        a.direction = wanted
        answer = a.answer(PLAIN + b"a=" + offered.encode() + b"\r\n")
        said = f"a={expected}\r\n".encode()
        assert a.agreed.direction == expected and answer.endswith(said), (offered, wanted)


def test_the_far_end_holds_and_takes_back():
    a = phone()
    b = phone()
    call(a, b)
    a.direction = "sendonly"
    assert b"a=recvonly" in call(a, b)
    assert (a.agreed.direction, b.agreed.direction) == ("sendonly", "recvonly")
    a.direction = "inactive"
    call(a, b)
    assert (a.agreed.direction, b.agreed.direction) == ("inactive", "inactive")
    a.direction = "sendrecv"
    call(a, b)
    assert (a.agreed.direction, b.agreed.direction) == ("sendrecv", "sendrecv")


def test_who_holds_whom_is_told_apart():
    a = phone()
    b = phone()
    call(a, b)
    assert not a.held and not b.held
    a.direction = "sendonly"
    call(a, b)
    assert b.held and not a.held
    b.direction = "sendonly"  # both hold: each is held by the other
    assert b"a=inactive" in call(b, a)
    assert b.held and a.held
    a.direction = "sendrecv"
    assert b"a=sendonly" in call(a, b)  # b holds on
    assert a.held and not b.held
    # Who is put on hold may refuse to hear anything: that is no hold of theirs
    a = phone()
    call(a, phone())
    a.direction = "sendonly"
    a.offer()
    a.accept(PLAIN + b"a=inactive\r\n")
    assert a.agreed.direction == "inactive" and not a.held
    a.answer(PLAIN.replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0"))
    assert a.agreed.direction == "inactive" and a.held


def test_a_stream_taken_away_in_a_call_is_gone_until_it_is_offered_again():
    two = b"m=video 6002 RTP/AVP 31\r\nm=audio %s RTP/AVP 0\r\nm=audio 0 RTP/AVP 8\r\n"
    a = phone()
    a.answer(HEAD + two.replace(b"%s", b"6000"))
    answer = a.answer(HEAD + two.replace(b"%s", b"0"))
    assert [(m.kind, m.port) for m in parse(answer)] == [("video", 0), ("audio", 0), ("audio", 0)]
    assert (a.agreed.port, a.agreed.direction, a.agreed.codec, a.held) == (0, "inactive", b"PCMU", True)
    before = version(answer)
    answer = a.answer(HEAD + two.replace(b"%s", b"6000"))
    assert parse(answer)[1].port == 4000 and version(answer) == before + 1
    assert (a.agreed.port, a.agreed.direction, a.held) == (6000, "sendrecv", False)
    # The same in the answer to an offer of ours
    a.offer()
    a.accept(HEAD + two.replace(b"%s", b"0"))
    assert a.agreed.port == 0 and a.agreed.direction == "inactive"
    # Another stream than ours says nothing of ours
    before = a.agreed
    assert status(a.answer, HEAD + b"m=audio 0 RTP/AVP 0\r\n") == 488 and a.agreed is before


def test_the_old_way_of_hold_is_an_address_of_zeros():
    a = phone()
    held = PLAIN.replace(b"c=IN IP4 192.0.2.9", b"c=IN IP4 0.0.0.0")
    a.answer(held)
    assert a.agreed.direction == "recvonly"
    a.answer(held + b"a=sendonly\r\n")
    assert a.agreed.direction == "recvonly"
    a.answer(held + b"a=inactive\r\n")
    assert a.agreed.direction == "inactive"
    a.answer(PLAIN)
    assert a.agreed.direction == "sendrecv"


def test_the_version_counts_changes_and_nothing_else():
    a = phone()
    b = phone()
    first = call(a, b)
    again = call(a, b)
    assert again == first and version(a.offer()) == 1
    a.direction = "sendonly"
    assert version(a.offer()) == 2
    a.rejected()
    a.direction = "sendrecv"
    # the far end has seen 2, so what stood in 1 comes back as 3
    assert version(a.offer()) == 3


def test_a_rejected_offer_leaves_what_was_agreed():
    a = phone()
    call(a, phone())
    before = a.agreed
    a.direction = "inactive"
    a.offer()
    a.rejected()
    assert a.agreed is before
    assert status(a.accept, PLAIN) == 488  # an answer to nothing
    assert a.agreed is before


def test_answers_that_are_none():
    for answer in (
        HEAD,
        HEAD + b"m=audio 0 RTP/AVP 8\r\n",
        HEAD + b"m=audio 6000 RTP/AVP 18\r\n",
        HEAD + b"m=video 6000 RTP/AVP 8\r\n",
    ):
        a = phone()
        a.offer()
        assert status(a.accept, answer) == 488, answer
        assert a.agreed is None
    a = phone()
    a.offer()
    assert status(a.accept, b"nonsense") == 400


def test_early_media_and_the_final_answer_may_differ():
    a = phone()
    a.offer()
    assert status(a.accept, HEAD + b"m=audio 6000 RTP/AVP 18\r\n") == 488  # a 183 that we cannot use
    a.accept(HEAD + b"m=audio 6000 RTP/AVP 0\r\na=sendonly\r\n")
    a.accept(HEAD + b"m=audio 6002 RTP/AVP 8\r\n")
    assert (a.agreed.port, a.agreed.codec, a.agreed.direction) == (6002, b"PCMA", "sendrecv")
    a.answer(PLAIN)
    assert status(a.accept, PLAIN) == 488  # the newer exchange has settled it


def test_what_was_not_offered_cannot_be_answered():
    a = phone(codecs=(b"PCMA",), dtmf=False)
    a.offer()
    assert status(a.accept, HEAD + b"m=audio 6000 RTP/AVP 0\r\n") == 488
    a.offer()
    a.accept(HEAD + b"m=audio 6000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n")
    assert a.agreed.dtmf == -1


def test_a_delayed_offer_is_ours_and_comes_back_answered():
    # INVITE without a description: the 200 carries our offer, the ACK the answer
    a = phone()
    a.offer()
    a.accept(HEAD + b"m=audio 6000 RTP/AVP 0\r\na=sendonly\r\n")
    assert (a.agreed.codec, a.agreed.dtmf, a.agreed.direction) == (b"PCMU", -1, "recvonly")


def test_sound_goes_to_addresses_and_never_to_names():
    sdp = b"v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
    for address in (b"192.0.2.7", b"2001:db8::A", b"0.0.0.0"):
        ours, others = "192.0.2.1", "2001:db8::1"
        if b":" in address:
            ours, others = others, ours
        us = Negotiation(ours, 40000)
        us.answer(sdp.replace(b"%s", address))
        assert us.agreed.address == address.decode()
        # A socket speaks one of both: what it could not send to is refused, not agreed on in silence
        assert status(Negotiation(others, 40000).answer, sdp.replace(b"%s", address)) == 488
    for name in (b"pbx.example", b"abc.de", b"x", b"1.2.3.4.example"):
        assert status(Negotiation("192.0.2.1", 40000).answer, sdp.replace(b"%s", name)) == 488, name
