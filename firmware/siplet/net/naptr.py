# Which transport a domain wants, RFC 3263 section 4.1 over RFC 3403. Loaded when a phone may choose.
# May import net.dns.

from siplet.net.dns import NAPTR

_SERVICES = {b"sip+d2u": b"UDP", b"sip+d2t": b"TCP", b"sips+d2t": b"TLS"}


async def ways(find, name, transports, prefixes):
    """[(transport, SRV name), ...] to try in this order for name; transports: those that we have
    of UDP, TCP and TLS, the favourite first.

    find(name, kind): records; prefixes: {transport: what its SRV names begin with}.
    """
    found = []
    for _, _, flags, service, expression, target in sorted(await find(name, NAPTR)):
        transport = _SERVICES.get(service)
        # 4.1: a service that we do not have is passed over; an expression or another flag has no meaning for SIP
        if transport in transports and flags == b"s" and not expression and target:
            found.append((transport, target))
    if not found:
        for one in transports:
            found.append((one, prefixes[b"" if one == b"UDP" else one] + name))
    return found
