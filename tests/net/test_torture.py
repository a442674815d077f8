# The messages of RFC 4475 and RFC 5118 as datagrams to a phone that runs: each is answered or dropped as the verdicts
# in tests/vectors say, and an OPTIONS after it is answered. tests/flow/test_rfc4475.py tells the same of the endpoint.
#
# Their Vias name hosts that are not ours and mostly no port, so the answers go to the address that they came from, port
# 5060 (RFC 3261 18.2.2): the stranger has an address of its own in 127.0.0.0/8, where nobody else has taken that port.

import asyncio
import sys

from siplet import Phone, platform
from siplet.audio.null import Null
from siplet.limits import MESSAGE
from siplet.net.udp import Udp

sys.path.append((__file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else "..") + "/unit")
from torture import cases

NEEDS = ("sockets",)
HERE = "127.0.0.1"
OPTIONS = (
    b"OPTIONS sip:desk@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.44.75.1;branch=z9hG4bKalive%d\r\nMax-Forwards: 70\r\n"
    b"From: <sip:x@127.44.75.1>;tag=1\r\nTo: <sip:desk@127.0.0.1>\r\nCall-ID: alive%d\r\nCSeq: 1 OPTIONS\r\n\r\n"
)


class Stranger:
    """Port 5060 and the others that Vias of the messages name, at one address."""

    def __init__(self, phone):
        self.phone = (phone.local_address, phone.local_port)
        self.ports = []

    async def open(self):
        """Take the ports. Another run may have them for a moment; OSError when a server of this PC keeps them."""
        hosts = ["127.44.75.%d" % i for i in range(1, 10)] + [HERE]  # not every system has more than 127.0.0.1
        if self.phone[0] != HERE:
            hosts = [self.phone[0]] * 100
        for host in hosts:
            try:
                for port in (5050, 6050, 19823, 5060):
                    self.ports.append(Udp(host, port))
                return
            except OSError as error:
                failed = error
                self.close()
                self.ports = []
                if self.phone[0] != HERE:
                    await platform.sleep_ms(100)
        raise failed

    def say(self, data):
        self.ports[-1].send_to(data, self.phone)

    async def heard(self, until, ms=1000):
        """What came, to any port, before a datagram to 5060 that holds `until` (bytes); None when that did not come."""
        answers = []
        for _ in range(ms // 5):
            for port in self.ports:
                data = port.datagram(MESSAGE)
                while data is not None:
                    if until in data:
                        return answers
                    if not data.startswith(b"SIP/2.0 603"):  # repeated, for nobody here acknowledges it
                        answers.append(data)
                    data = port.datagram(MESSAGE)
            await platform.sleep_ms(5)
        return None

    def close(self):
        for port in self.ports:
            port.close()


async def _send_all(rfc, host=HERE):
    good = 0
    everyone = cases(rfc)
    async with Phone(f"sip:desk@{HERE}", local_address=host, local_port=0, audio=Null(), accept=("open",)) as phone:
        stranger = Stranger(phone)
        await stranger.open()
        try:
            for n, case in enumerate(everyone):
                if host != HERE and case.name == "mult-ip-in-sdp":  # its audio wants IPv4
                    case.expected = ["488"]
                number = str(n).encode()
                stranger.say(case.data)
                stranger.say(OPTIONS.replace(b"%d", number))
                answers = await stranger.heard(b"Call-ID: alive" + number + b"\r\n")
                assert answers is not None, f"{case.name}: the OPTIONS after it was not answered"
                case.judge(answers)
                call = await phone.incoming(timeout_ms=0)
                assert bool(call) == (case.expected == ["180"]), case.name
                if call:
                    await call.reject(603)
                assert not phone.faults, case.name
                good += 1
        finally:
            stranger.close()
    print(good, "of", len(everyone), "messages of", rfc, "as its verdicts say")
    return good


async def test_a_phone_takes_all_49_messages_of_rfc_4475():
    assert await _send_all("rfc4475") == 49


async def test_a_phone_takes_all_12_messages_of_rfc_5118():
    assert await _send_all("rfc5118") == 12


def _has_ipv6():
    try:
        Udp("::1").close()
        return True
    except (OSError, AttributeError) as error:
        print("no IPv6 on this machine:", error)
        return False


async def test_a_phone_takes_all_12_messages_of_rfc_5118_by_ipv6():
    if _has_ipv6():
        assert await _send_all("rfc5118", "::1") == 12


async def test_a_call_by_ipv6_has_sound():
    if not _has_ipv6():
        return
    options = {"local_address": "::1", "local_port": 0, "audio": Null(), "accept": ("open",)}
    async with Phone("sip:desk@[::1]", **options) as desk, Phone("sip:bell@[::1]", **options) as bell:
        call = bell.call(f"sip:desk@[::1]:{desk.local_port}")
        task = asyncio.create_task(call.connect(3000))
        other = await desk.incoming(3000)
        assert other.remote == "sip:bell@[::1]"
        await other.answer()
        await task
        for _ in range(200):
            await platform.sleep_ms(10)
            if call.stats.received > 5 and other.stats.received > 5:
                break
        assert call.stats.received > 5 and other.stats.received > 5
        await call.hangup()
        assert not desk.faults and not bell.faults
