# What a phone makes of its address, registrar and targets, without opening a socket.

from siplet.phone import Phone

NEEDS = ("sockets",)


class Endpoint:
    """Notes how it was asked to call."""

    full = False

    def invite(self, target, local, media, now, credentials, hop, routes):
        assert not routes
        self.asked = (target, bool(credentials), hop)
        return self


def called(phone, target):
    phone.endpoint = Endpoint()
    phone.local_address = phone.bind_address = "127.0.0.1"
    call = phone.call(target)
    phone.start_call(call)
    call.line.close()
    return phone.endpoint.asked


def test_a_call_in_our_domain_goes_through_our_registrar_with_the_password():
    phone = Phone("sip:door@test.local", password="x", registrar="127.0.0.1:5080")
    through = b"sip:127.0.0.1:5080"
    assert called(phone, "sip:100@test.local") == (b"sip:100@test.local", True, through)
    assert called(phone, "sip:100@TEST.local") == (b"sip:100@TEST.local", True, through)
    assert called(phone, "100") == (b"sip:100@test.local", True, through)


def test_a_call_elsewhere_goes_there_and_gets_no_password():
    phone = Phone("sip:door@test.local", password="x", registrar="127.0.0.1:5080")
    for target in (b"sip:100@10.0.0.7", b"sip:100@test.local:5062", b"sip:evil@test.local.example"):
        assert called(phone, target.decode()) == (target, False, b"")


def test_without_a_registrar_every_call_is_direct():
    phone = Phone("sip:door@127.0.0.1")
    assert called(phone, "sip:b@127.0.0.1") == (b"sip:b@127.0.0.1", False, b"")


def test_the_registrar_may_be_named_in_any_form():
    for text in ("sipgate.example", "sip:sipgate.example", None):
        phone = Phone("sip:door@sipgate.example;transport=udp", password="x", registrar=text)
        assert called(phone, "100")[2] == b"sip:sipgate.example"
