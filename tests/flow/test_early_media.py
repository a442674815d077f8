# Sound before the answer (RFC 3261 13.2.1, RFC 3264): what 183 and 200 say, the same or not, from one place or several,
# and what the stream makes of it.

import sys

from test_call import BELL, SDP, TARGET, answer
from wire import Peer, Wire

sys.path.append((__file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else "..") + "/unit")
from media_parts import Audio, Net, voice
from siplet.stream import Stream


def contact(tag):
    return b"Contact: <sip:" + tag + b"@10.0.0.2>"


def at(port, address=b"10.0.0.2", formats=b"8 101"):
    sdp = SDP.replace(b"4000", str(port).encode()).replace(b"IN IP4 10.0.0.2", b"IN IP4 " + address)
    return sdp.replace(b"8 101", formats)


def story(*responses):
    """(wire, bell, its call, the peer, ports of the agreements); a response: (status, tag, description)."""
    wire = Wire()
    bell = wire.party("10.0.0.1")

    def script(peer, message, source):
        if message.method == b"INVITE":
            for status, tag, sdp in responses:
                peer.say(answer(message, status, tag, contact(tag), sdp), source)
        elif message.method == b"BYE":
            peer.say(answer(message, 200), source)

    peer = Peer(wire, "10.0.0.2", script=script)
    out = bell.call(TARGET)
    wire.run(200)
    return wire, bell, out, peer, [event.data.port for event in bell.events if event.kind == "media"]


def test_the_183_alone_is_heard():
    wire, bell, out, peer, ports = story((183, b"one", at(4000)))
    assert ports == [4000] and out.state == "proceeding" and bell.kinds() == ["media", "ringing"]
    peer.say(answer(peer.got[0], 486, b"one"), BELL)
    wire.run(100)
    assert bell.take("ended").status == 486  # and it is over with the call


def test_the_same_in_183_and_200_and_a_180_between():
    _, bell, out, _, ports = story((183, b"one", at(4000)), (180, b"one", b""), (200, b"one", at(4000)))
    assert ports == [4000, 4000] and out.state == "up"
    assert [event.status for event in bell.events if event.kind == "ringing"] == [183, 180]


def test_200_without_a_description_keeps_that_of_the_183():
    _, _, out, peer, ports = story((183, b"one", at(4000)), (200, b"one", b""))
    assert ports == [4000] and out.state == "up" and peer.methods() == ["INVITE", "ACK"]


def test_each_fork_is_heard_and_the_one_that_answers_stays():
    _, _, out, _, ports = story((183, b"one", at(4100)), (183, b"two", at(4200)), (200, b"one", at(4100)))
    assert ports == [4100, 4200, 4100] and out.dialog.remote_tag == b"one" and out.media.agreed.port == 4100


def test_a_fork_that_answers_too_late_is_ended_and_not_heard():
    _, bell, out, peer, ports = story(
        (183, b"one", at(4100)), (200, b"two", at(4200)), (200, b"one", at(4100)), (183, b"one", at(4100))
    )
    assert ports == [4100, 4200] and out.media.agreed.port == 4200 and out.state == "up"
    byes = [message.to_tag for message in peer.got if message.method == b"BYE"]
    assert byes == [b"one"] and not bell.take("ended")


def test_early_media_that_we_cannot_hear_does_not_end_the_call():
    _, _, out, _, ports = story((183, b"one", at(4000, formats=b"18")), (183, b"one", b"nonsense"))
    assert ports == [] and out.state == "proceeding"
    _, _, out, _, ports = story((183, b"one", at(4000, formats=b"18")), (200, b"one", at(4000)))
    assert ports == [4000] and out.state == "up"


def test_another_codec_and_another_host_in_the_200():
    _, _, out, _, ports = story((183, b"one", at(4000)), (200, b"one", at(6000, b"10.0.0.77", b"0")))
    assert ports == [4000, 6000]
    agreed = out.media.agreed
    assert (agreed.address, agreed.codec, agreed.dtmf) == ("10.0.0.77", b"PCMU", -1)


def test_the_stream_goes_from_one_place_to_the_other():
    early, later = ("10.0.0.2", 4000), ("10.0.0.77", 6000)
    _, bell, _, _, _ = story((183, b"one", at(4000)), (200, b"one", at(6000, b"10.0.0.77", b"0")))
    agreements = [event.data for event in bell.events if event.kind == "media"]
    net = Net()
    stream = Stream(Audio(), net, lambda n: bytes(n))
    stream.configure(agreements[0])
    for i in range(10):
        net.incoming.append(early + (voice(i, kind=8),))
        stream.tick()
    assert stream.stats.received == 10 and net.peer == early
    assert all(to[:2] == early for to in net.outgoing)
    stream.configure(agreements[1])
    del net.outgoing[:]
    for i in range(10):
        net.incoming.append(later + (voice(i, kind=0, ssrc=b"else", first=7000, start=99),))
        # The former one is not silent yet
        net.incoming.append(early + (voice(10 + i, kind=8),))
        stream.tick()
    assert stream.stats.received == 20 and net.peer == later
    assert all(to[:2] == later and to[2][1] & 127 == 0 for to in net.outgoing)
    assert [frame for frame in stream.audio.heard[-4:] if frame != bytes(320)]
