"""Beside calls, with Kamailio as presence server and as proxy between two of ours: texts, lamps, mailboxes."""

import socket

import pytest
from kamailio import Kamailio
from siplet_tools.process import ProcessError, wait_until


def address(user, server):
    return f"sip:{user}@{server.server}"


def refused(puppet, verb, **fields):
    """What it was refused with, as its exception prints."""
    with pytest.raises(ProcessError) as caught:
        puppet.do(verb, **fields)
    return str(caught.value).splitlines()[0]


def say(server, text):
    """Send a datagram by hand; the answer's first line."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(3)
        sock.bind(("127.0.0.1", 0))
        text = text.replace("@PORT@", str(sock.getsockname()[1])).replace("@SERVER@", server.server)
        head, _, body = text.partition("\n\n")
        head += f"\nContent-Length: {len(body)}\n\n"
        sock.sendto(head.replace("\n", "\r\n").encode() + body.encode(), ("127.0.0.1", server.port))
        return sock.recv(4096).split(b"\r\n")[0].decode()


def test_texts_through_a_proxy_with_our_password(kamailio, puppet):
    server = kamailio()
    door, indoor = puppet(server.server), puppet(server.server, user="indoor")
    assert door.do("message", target=address("indoor", server), text="anybody?")["status"] == 480
    indoor.do("listen")
    assert door.do("message", target=address("indoor", server), text="Zwölf Uhr ☎")["status"] == 200
    told = indoor.event("message")
    assert told["text"] == "Zwölf Uhr ☎" and told["remote"] == address("door", server)
    assert door.do("message", target=address("nobody", server), text="anybody?")["status"] == 404
    assert door.do("message", target=address("indoor", server), text="x" * 1300)["status"] == 413
    came = server.came("MESSAGE", "door")
    assert came[-1][0] and door.do("state")["faults"] == indoor.do("state")["faults"] == 0


def test_what_one_publishes_the_other_sees_and_a_server_that_was_restarted_is_told_again(
    kamailio, puppet, started, tmp_path
):
    server = kamailio("PRESENCE")
    door, indoor = puppet(server.server), puppet(server.server, user="indoor")
    assert door.do("publish", online=True, note="am Tor")["status"] == 200
    indoor.do("watch", target=address("door", server))
    seen = indoor.event("presence", online=True)
    assert seen["note"] == "am Tor" and seen["state"] == "active"
    assert door.do("publish", online=False)["status"] == 200
    indoor.event("presence", online=False)
    indoor.do("unwatch")
    assert indoor.event("unwatched")["state"] == "leaving"
    wait_until(lambda: indoor.do("state")["usages"] == 0, 5, "the last NOTIFY")
    # It knows the entity-tag no more: 412, and everything is said again
    server.stop()
    again = started(Kamailio(tmp_path / "again", ("PRESENCE",), port=server.port))
    assert door.do("publish", online=True, note="wieder")["status"] == 200
    indoor.do("watch", target=address("door", again))
    assert indoor.event("presence", online=True, note="wieder")
    assert door.do("state")["faults"] == indoor.do("state")["faults"] == 0


def test_a_published_state_is_taken_back_when_the_phone_is_closed(kamailio, puppet):
    server = kamailio("PRESENCE")
    door, indoor = puppet(server.server), puppet(server.server, user="indoor")
    door.do("publish", online=True)
    indoor.do("watch", target=address("door", server))
    indoor.event("presence", online=True)
    door.stop()
    indoor.event("presence", online=False)


def test_a_short_subscription_is_refreshed_again_and_again_with_new_nonces(kamailio, puppet):
    server = kamailio("PRESENCE", nonce_expire=5)
    door, indoor = puppet(server.server), puppet(server.server, user="indoor")
    door.do("publish", online=False)
    indoor.do("watch", target=address("door", server), expires=10)
    indoor.event("presence", online=False)
    wait_until(lambda: len([known for known, _ in server.came("SUBSCRIBE", "indoor") if known]) >= 4, 30, "refreshes")
    door.do("publish", online=True, note="still there?")
    indoor.event("presence", note="still there?")


def test_a_wrong_password_publishes_and_watches_nothing(kamailio, puppet):
    server = kamailio("PRESENCE")
    door = puppet(server.server, password="wrong", register=True)
    assert door.do("publish", online=True)["status"] == 407
    assert "407" in refused(door, "watch", target=address("indoor", server))


def test_a_busy_lamp_through_a_proxy_that_stays_in_the_path(kamailio, puppet):
    server = kamailio()
    door, indoor = puppet(server.server, max_calls=2), puppet(server.server, user="indoor")
    third = puppet(server.server, user="third")
    assert "403" in refused(indoor, "watch", target=address("door", server), what="dialog")
    door.do("watchers")
    indoor.do("watch", target=address("door", server), what="dialog")
    assert indoor.event("lamp")["lamp"] == "idle"
    call = third.do("call", target=address("door", server))["call"]
    assert indoor.event("lamp", lamp="ringing")["remotes"] == [address("third", server)]
    door.do("answer", call=door.event("incoming")["call"])
    indoor.event("lamp", lamp="busy")
    third.do("hangup", call=call)
    indoor.event("lamp", lamp="idle")
    indoor.do("unwatch")
    wait_until(lambda: indoor.do("state")["usages"] == 0, 5, "the last NOTIFY")
    assert door.do("state")["faults"] == indoor.do("state")["faults"] == 0


def test_a_lamp_and_a_mailbox_that_others_publish(kamailio, puppet):
    server = kamailio("PRESENCE", "OPEN")
    door = puppet(server.server)
    head = (
        "PUBLISH sip:USER@@SERVER@ SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:@PORT@;branch=z9hG4bKNAME\n"
        "From: <sip:pbx@@SERVER@>;tag=1\nTo: <sip:USER@@SERVER@>\nCall-ID: NAME\nCSeq: 1 PUBLISH\nMax-Forwards: 70\n"
        "Event: EVENT\nExpires: 600\nContent-Type: application/KIND\n\n"
    )

    def publish(name, user, event, kind, body):
        text = head.replace("NAME", name).replace("USER", user).replace("EVENT", event).replace("KIND", kind)
        assert " 200 " in say(server, text + body)

    def mailbox(name, new):
        waiting = "yes" if new else "no"
        body = f"Messages-Waiting: {waiting}\r\nMessage-Account: sip:door@pbx\r\nVoice-Message: {new}/8 (0/0)\r\n"
        publish(name, "door", "message-summary", "simple-message-summary", body)

    def lamp(name, state):
        publish(
            name,
            "indoor",
            "dialog",
            "dialog-info+xml",
            '<?xml version="1.0"?>\n<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" '
            f'entity="sip:indoor@{server.server}">\n<dialog id="a" direction="recipient"><state>{state}</state>'
            f"<remote><identity>sip:third@{server.server}</identity></remote></dialog>\n</dialog-info>\n",
        )

    mailbox("m1", 2)
    door.do("watch", target=None, what="message-summary")
    assert door.event("mailbox", waiting=True)["counts"]["voice"][:2] == [2, 8]
    mailbox("m2", 0)
    door.event("mailbox", waiting=False)
    door.do("unwatch")
    lamp("d1", "early")
    door.do("watch", target=address("indoor", server), what="dialog")
    assert door.event("lamp", lamp="ringing")
    lamp("d2", "confirmed")
    door.event("lamp", lamp="busy")
    assert door.do("state")["faults"] == 0
