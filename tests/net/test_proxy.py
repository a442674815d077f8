# An outbound proxy: everything of an account goes there, with a Route when the proxy's URI says ;lr (RFC 3261 8.1.2).

from siplet import Phone, platform
from siplet.audio.null import Null
from siplet.net.udp import Udp
from siplet.sip.message import Message

NEEDS = ("sockets",)
HERE = "127.0.0.1"


async def heard(proxy, method):
    """The next request of that method that the proxy got."""
    for _ in range(150):
        data = proxy.datagram(4000)
        while data:
            message = Message(data)
            if message.method == method:
                return message
            data = proxy.datagram(4000)
        await platform.sleep_ms(20)
    raise AssertionError("nothing came")


async def test_registrations_and_calls_pass_the_proxy():
    for lr in ("", ";lr"):
        proxy = Udp(HERE)
        uri = f"sip:{HERE}:{proxy.port}{lr}"
        door = Phone("sip:door@home.invalid", password="x", proxy=uri, local_address=HERE, local_port=0, audio=Null())
        async with door:
            register = await heard(proxy, b"REGISTER")
            assert register.uri == b"sip:home.invalid"
            assert register.headers(b"route") == ([f"<{uri}>".encode()] if lr else [])
            call = door.call("sip:desk@elsewhere.invalid")
            session = door.start_call(call)
            invite = await heard(proxy, b"INVITE")
            assert invite.uri == b"sip:desk@elsewhere.invalid"
            assert invite.headers(b"route") == ([f"<{uri}>".encode()] if lr else [])
            session.abandon(platform.now())
            await door.close(timeout_ms=20)
        proxy.close()
