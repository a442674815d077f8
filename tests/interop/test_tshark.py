"""Wireshark reads what we sent in a whole call, registration and all: a judge of syntax that shares nothing with us."""

import shutil

from driver import need
from siplet_tools.process import wait_until
from siplet_tools.trace_file import Reader
from wireshark import WARNING, Pcap, write_pcap

PORT = 5060  # as which the pcap file shows our messages, so that Wireshark takes them for SIP


def write_messages(path, messages):
    """Writes messages (bytes) as UDP packets of a capture file."""
    write_pcap(path, [(number, PORT, PORT, data) for number, data in enumerate(messages)])


def complaints(path):
    """([what Wireshark took each packet for, ...], [its warnings, errors and fields that it did not find, ...])."""
    found_in_all = ["sip.Call-ID", "sip.CSeq.seq", "sip.CSeq.method", "sip.Via.branch", "sip.from.tag", "sip.to.host"]
    fields = ["_ws.col.Protocol", "_ws.expert.severity", "_ws.expert.message", "_ws.malformed"]
    protocols, found = [], []
    for row in Pcap(path).rows("frame", *fields, *found_in_all):
        protocols += row["_ws.col.Protocol"]
        for severity, text in zip(row["_ws.expert.severity"], row["_ws.expert.message"]):
            if int(severity) >= WARNING:
                found.append(text)
        found += row["_ws.malformed"]
        found += ["no " + name for name in found_in_all if not row[name]]
    return protocols, found


def test_wireshark_finds_nothing_wrong_with_what_we_send(kamailio, baresip, puppet, sipp, tmp_path):
    need("" if shutil.which("tshark") else "tshark is not installed (make peers)")
    server = kamailio()
    indoor = baresip(server.server)
    phone = puppet(server.server)
    call = phone.do("call", target="indoor")["call"]
    indoor.wait_event("CALL_INCOMING")
    indoor.command("accept")
    phone.event("up", call=call)
    phone.do("digits", call=call, digits="1", form="info")
    indoor.command("hold")
    wait_until(lambda: phone.do("state", call=call)["held"], 3, "hold")
    phone.do("hangup", call=call)
    phone.event("ended", call=call)
    indoor.wait_event("CALL_CLOSED")
    call = phone.do("call", target="indoor")["call"]
    indoor.wait_event("CALL_INCOMING")
    phone.do("cancel", call=call)
    phone.event("cancelled", call=call)
    sipp("options", f"127.0.0.1:{phone.port}").verdict()
    keys = sipp("keys", f"127.0.0.1:{phone.port}")
    phone.do("answer", call=phone.event("incoming")["call"])
    keys.verdict()
    phone.stop()

    with open(phone.trace, "rb") as file:
        sent = [record.data for record in Reader().feed(file.read()) if record.sent]
    firsts = {data.split(b" ")[0] for data in sent}
    assert firsts == {b"REGISTER", b"INVITE", b"ACK", b"INFO", b"BYE", b"CANCEL", b"SIP/2.0"}
    path = tmp_path / "sent.pcap"
    write_messages(path, sent)
    protocols, found = complaints(path)
    assert len(protocols) == len(sent) and set(protocols) <= {"SIP", "SIP/SDP"}, protocols
    assert not found

    # And that it would find something, if there were something.
    invite = next(data for data in sent if data.startswith(b"INVITE"))
    write_messages(
        path, [invite.replace(b"m=audio", b"m="), invite.replace(b"tag=", b"tag"), invite.replace(b"CSeq", b"X")]
    )
    found = complaints(path)[1]
    assert any("Malformed" in text for text in found) and {"no sip.from.tag", "no sip.CSeq.seq"} <= set(found)
