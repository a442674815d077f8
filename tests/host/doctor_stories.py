# Traffic for the doctor's tests: SIP and RTP as they would be seen on a wire, written as a capture.
# Imports siplet_tools.

from siplet_tools.commands.doctor import command
from siplet_tools.wire import diagnosis, evidence
from siplet_tools.wire.capture import Packet, Writer

DOOR, SERVER, INDOOR = ("192.168.1.20", 5060), ("192.168.1.2", 5060), ("192.168.1.30", 5060)
BOTH = ((8, "PCMA/8000"), (101, "telephone-event/8000"))
VOICE = ((8, "PCMA/8000"),)
KEY_5 = bytes([5, 0x0A, 0x03, 0x20])


def sdp(ends, names=BOTH, way="sendrecv", more=""):
    """A description that asks for sound at an (address, port)."""
    family = "IP6" if ":" in ends[0] else "IP4"
    lines = ["v=0", f"o=x 1 1 IN {family} {ends[0]}", "s=-", f"c=IN {family} {ends[0]}", "t=0 0"]
    lines += [f"m=audio {ends[1]} RTP/AVP {' '.join(str(kind) for kind, _ in names)}"]
    lines += [f"a=rtpmap:{kind} {name}" for kind, name in names] + [f"a={way}", *([more] if more else [])]
    return "\r\n".join(lines) + "\r\n"


def digest(nonce, realm="pbx", more=""):
    """A challenge's value."""
    return f'Digest realm="{realm}", nonce="{nonce}", algorithm=MD5, qop="auth"{more}'


def credentials(nonce, realm="pbx", user="door"):
    """The answer to one, its secret included."""
    return (
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="sip:pbx", qop=auth, nc=00000001, '
        f'cnonce="abc", response="5ec5e75ec5e75ec5e75ec5e75ec5e75e"'
    )


class Request:
    """A request that was sent, to be answered."""

    def __init__(self, source, target, lines, text):
        self.source, self.target, self.lines, self.text = source, target, lines, text


class Story:
    """What happens on a wire, from `now` on."""

    def __init__(self):
        self.now = 1000.0
        self.packets = []
        self.number = 0

    def wait(self, seconds):
        self.now += seconds

    def put(self, source, target, data, after=0.0):
        data = data.encode() if isinstance(data, str) else data
        self.packets.append(Packet(self.now + after, source, target, data, len(data)))

    def ask(self, method, source, target, call="one", cseq=1, user="door", to="indoor", more=(), body="", tag=""):
        """Sends a request; tag: of To, within a dialog."""
        self.number += 1
        branch = f"z9hG4bK{self.number}"
        near = f"[{source[0]}]" if ":" in source[0] else source[0]
        contact = [] if any(line.startswith("Contact") for line in more) else [f"Contact: <sip:{user}@{near}:5060>"]
        lines = [
            f"Via: SIP/2.0/UDP {near}:{source[1]};branch={branch};rport",
            f"From: <sip:{user}@pbx>;tag=a{user}",
            f"To: <sip:{to}@pbx>" + (f";tag={tag}" if tag else ""),
            f"Call-ID: {call}",
            f"CSeq: {cseq} {method}",
        ]
        kind = ["Content-Type: application/sdp"] if body.startswith("v=0") else []
        text = self._text(f"{method} sip:{to}@pbx SIP/2.0", [*lines, *contact, *more, *kind], body)
        self.put(source, target, text)
        self.now += 0.01
        return Request(source, target, lines, text)

    def again(self, request, seconds):
        """The same once more."""
        self.wait(seconds)
        self.put(request.source, request.target, request.text)

    def answer(self, request, status, more=(), body="", tag="b", reason="Words"):
        """Answers a request."""
        lines = list(request.lines)
        if ";tag=" not in lines[2] and status > 100:
            lines[2] += f";tag={tag}"
        kind = ["Content-Type: application/sdp"] if body else []
        text = self._text(f"SIP/2.0 {status} {reason}", [*lines, *more, *kind], body)
        self.put(request.target, request.source, text)
        self.now += 0.01
        return text

    def _text(self, first, lines, body):
        return "\r\n".join([first, *lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body

    def rtp(self, source, target, seconds, kind=8, payload=bytes(160), start=0.0):
        """Packets of 20 ms each, from now + start on; the clock stays."""
        for i in range(int(seconds * 50)):
            stamp = 160 * i if len(payload) > 4 else 1600  # of an event: when it began
            head = bytes([0x80, kind]) + i.to_bytes(2, "big") + stamp.to_bytes(4, "big") + source[1].to_bytes(4, "big")
            self.put(source, target, head + payload, start + i / 50)

    # -- whole passages

    def register(self, phone=DOOR, server=SERVER, call="reg", cseq=1, expires=300, user="door", more=()):
        """A registration as it should be: a challenge, credentials, 200."""
        nonce = f"n{self.number}"
        self.answer(
            self.ask("REGISTER", phone, server, call, cseq, user, user, more),
            401,
            ["WWW-Authenticate: " + digest(nonce)],
        )
        second = self.ask(
            "REGISTER", phone, server, call, cseq + 1, user, user, [*more, "Authorization: " + credentials(nonce)]
        )
        self.answer(second, 200, [f"Contact: <sip:{user}@{phone[0]}:5060>;expires={expires}"])

    def call(self, caller=DOOR, callee=INDOOR, offer=None, answer=None, call="one", more=(), cseq=1, tag=""):
        """INVITE, 180, 200, ACK, with these descriptions."""
        invite = self.ask(
            "INVITE", caller, callee, call, cseq, more=more, body=offer or sdp((caller[0], 4000)), tag=tag
        )
        self.answer(invite, 180)
        self.wait(0.5)
        self.answer(
            invite, 200, [f"Contact: <sip:indoor@{callee[0]}>"], answer or sdp((callee[0], 6000)), tag=tag or "b"
        )
        self.ask("ACK", caller, callee, call, cseq, tag="b")

    def talk(self, seconds, a=(DOOR[0], 4000), b=(INDOOR[0], 6000), there=True, back=True, kind=8):
        """Sound in both directions, or in one."""
        if there:
            self.rtp(a, b, seconds, kind)
        if back:
            self.rtp(b, a, seconds, kind)
        self.wait(seconds)

    def bye(self, caller=DOOR, callee=INDOOR, call="one", cseq=2):
        self.answer(self.ask("BYE", caller, callee, call, cseq, tag="b"), 200)

    # -- what comes of it

    def write(self, path):
        writer = Writer(str(path))
        for packet in sorted(self.packets, key=lambda packet: packet.time):
            writer.add(packet)
        writer.close()
        return str(path)


def findings(path):
    """[Finding, ...] of a file."""
    return diagnosis.diagnose(evidence.read(str(path)))


def kinds(path):
    """Their kinds, sorted."""
    return sorted(one.kind for one in findings(path))


def doctor(*arguments):
    """The exit status of the command."""
    return command.main([str(argument) for argument in arguments], standalone_mode=False)
