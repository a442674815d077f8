# Signs of life to our servers by UDP: a double CRLF (RFC 5626 4.4.1) keeps the way back through a NAT open. Streams
# have their own, with an answer (net/links). Loaded when it is wanted. May import platform and sip/uri.

from siplet import platform
from siplet.sip.uri import Uri


async def keep_alive(phone):
    """Runs until it is cancelled: every phone.keepalive_ms, less up to a fifth: not all phones do it at once."""
    while True:
        await platform.sleep_ms(phone.keepalive_ms * (80 + platform.random(1)[0] % 21) // 100)
        for account in phone.accounts:
            destination = Uri(account.hop).destination()
            if account.register and len(destination) == 2:
                host = destination[0]
                literal = ":" in host or not host.strip("0123456789.")
                for address in [host] if literal else phone.addresses(destination)[:1]:
                    phone.udp.send_to(b"\r\n\r\n", (address, destination[1] or 5060))
