# What headers by one letter save (RFC 3261 7.3.3): the bytes of the messages of a registration and of a call between
# endpoints of ours. The same on every interpreter, so it runs on this one.

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ("firmware", "host_tools/siplet_tools/shim", "tests/flow")


def show():
    """Prints the table."""
    from table import table

    sys.path[:0] = [os.path.join(ROOT, folder) for folder in FOLDERS]
    from siplet.sip.builder import Builder
    from siplet.sip.compact import Compact

    usual, short = _story(Builder), _story(Compact)
    rows = [(name, len(one), len(other), len(one) - len(other)) for (name, one), (_, other) in zip(usual, short)]
    rows.append(None)
    rows.append(("all of them", *(sum(row[i] for row in rows if row) for i in (1, 2, 3))))
    table(
        "Bytes of a message, with headers by their names and by one letter (compact=True)",
        ["", "names", "letters", "saved"],
        rows,
        "An answer repeats Via, From, To and Call-ID as they came: here from a far end that writes as we do.",
    )


def _story(kind):
    # [(name, message)] of an account with a password, and of a call
    from wire import Peer, Wire, brief

    wire = Wire()
    bell, desk = wire.party("192.168.1.20"), wire.party("192.168.1.21")
    for party in (bell, desk):
        party.endpoint.builder = kind(5120)
    challenge = b'WWW-Authenticate: Digest realm="pbx", nonce="5f2c9c1e0001b3a7", qop="auth", algorithm=MD5\r\n'

    def script(peer, message, source):
        known = message.header(b"authorization")
        extra = b"Contact: " + message.header(b"contact") + b"\r\n" if known else challenge
        lines = [b"SIP/2.0 200 OK" if known else b"SIP/2.0 401 Unauthorized"]
        for name in (b"via", b"from", b"to", b"call-id", b"cseq"):
            lines.append(name + b": " + message.header(name))
        peer.say(b"\r\n".join(lines) + b"\r\n" + extra + b"\r\n", source)

    Peer(wire, "192.168.1.1", script=script)
    credentials = bell.credentials("door", "secret")
    bell.endpoint.register(b"sip:192.168.1.1", b"sip:door@192.168.1.1", 300, credentials).start(wire.now)
    wire.run(200)
    out = bell.call(b"sip:desk@192.168.1.21", user="door")
    wire.run(100)
    desk.take("incoming").source.answer(wire.now)
    wire.run(100)
    out.send_info(b"application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", wire.now)
    wire.run(100)
    out.hang_up(wire.now)
    wire.run(100)
    found = {}
    for party in (bell, desk):
        for _, data, _ in party.sent:
            first = brief(data)
            method = data[data.find(b"CSeq: ") :].split()[2].decode()
            found[first if first == method else f"{first} to {method}"] = data  # the last REGISTER has the password
    return list(found.items())
