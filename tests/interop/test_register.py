"""Registration with a real Kamailio: what its location table holds, and what came to it."""

import time

from siplet_tools.process import wait_until


def states(phone):
    return [(event["state"], event["status"]) for event in phone.events("registration")]


def test_register_with_md5_and_unregister_at_the_end(kamailio, puppet):
    server = kamailio()
    phone = puppet(server.server, expires=60)
    ((contact, left),) = server.contacts("door")
    assert contact.startswith(f"sip:door@127.0.0.1:{phone.port}")
    assert 55 <= left <= 60
    came = server.came("REGISTER", "door")
    assert [credentials for credentials, _ in came] == [False, True]
    assert came[1][1] == came[0][1] + 1  # the retry takes the next CSeq
    assert states(phone) == [("registering", 0), ("registered", 200)]
    phone.stop()
    assert server.contacts("door") == []
    assert server.came("REGISTER", "door")[2][0]  # the known nonce served at once


def test_register_with_sha_256(kamailio, puppet):
    server = kamailio("SHA256")
    phone = puppet(server.server)
    assert len(server.contacts("door")) == 1
    with open(phone.trace, "rb") as file:
        assert b"algorithm=SHA-256" in file.read().split(b"Authorization:", 1)[1]


def test_register_without_qop_as_rfc_2069_has_it(kamailio, puppet):
    server = kamailio("RFC2069")
    puppet(server.server)
    assert len(server.contacts("door")) == 1


def test_a_wrong_password_is_said_once_and_does_not_hammer(kamailio, puppet):
    server = kamailio()
    phone = puppet(server.server, password="wrong")
    assert phone.event("registration", state="failed")["status"] == 401
    assert phone.do("wait_registered", timeout_ms=1500)["registered"] is False
    assert phone.do("state")["registration"] == "failed"
    assert len(server.came("REGISTER", "door")) == 2
    assert server.contacts("door") == []


def test_the_binding_is_refreshed_before_it_ends_also_with_a_stale_nonce(kamailio, puppet):
    server = kamailio("ONETIME", min_expires=1, nonce_expire=1)
    phone = puppet(server.server, expires=3)
    phone.event("registration", state="registered")
    for _ in range(2):
        phone.event("registration", 2.8, state="refreshing")
        phone.event("registration", 1, state="registered")
        # Kamailio counts whole seconds: of the 3 that it gave it may take one off at once.
        assert len(server.contacts("door")) == 1
    assert not [state for state, _ in states(phone) if state == "failed"]
    numbers = [number for _, number in server.came("REGISTER", "door")]
    assert numbers == sorted(set(numbers)) and len(numbers) >= 5


def test_a_shorter_grant_than_asked_for_is_kept(kamailio, puppet):
    server = kamailio(min_expires=1, max_expires=2)
    phone = puppet(server.server, expires=300)
    phone.event("registration", state="registered")
    start = time.monotonic()
    phone.event("registration", 4, state="refreshing")
    assert time.monotonic() - start < 2
    phone.event("registration", 1, state="registered")
    assert server.contacts("door")


def test_a_registrar_that_was_away_is_found_again(kamailio, puppet, started, tmp_path):
    from kamailio import Kamailio

    server = kamailio(min_expires=1)
    phone = puppet(server.server, expires=3)
    port = server.port
    server.stop()
    phone.event("registration", state="refreshing")
    again = started(Kamailio(tmp_path / "again", min_expires=1, port=port))
    wait_until(lambda: again.contacts("door"), 10, "binding at the restarted registrar")
    wait_until(lambda: phone.do("state")["registration"] == "registered", 5, "registered state")
