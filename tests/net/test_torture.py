# The messages of RFC 4475 and RFC 5118 as datagrams to a phone that runs: each is answered or dropped as the verdicts
# in tests/vectors say, and an OPTIONS after it is answered. tests/flow/test_rfc4475.py tells the same of the endpoint.
#
# Their Vias name hosts that are not ours and mostly no port, so the answers go to the address that they came from, port
# 5060 (RFC 3261 18.2.2): the stranger has an address of its own in 127.0.0.0/8, where nobody else has taken that port.

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
        self.phone = (HERE, phone.local_port)
        # Another run may be there already, and not every system has more than 127.0.0.1
        hosts = [HERE] + ["127.44.75.%d" % i for i in range(9, 0, -1)]
        while True:
            host = hosts.pop()
            self.ports = []
            try:
                for port in (5050, 6050, 19823, 5060):
                    self.ports.append(Udp(host, port))
                return
            except OSError:
                self.close()
                if not hosts:  # a server of this PC has port 5060
                    raise

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


async def _send_all(rfc):
    good = 0
    everyone = cases(rfc)
    async with Phone(f"sip:desk@{HERE}", local_address=HERE, local_port=0, audio=Null(), accept=("open",)) as phone:
        stranger = Stranger(phone)
        try:
            for n, case in enumerate(everyone):
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
