# NOTIFYs that belong to no subscription we know: a transfer's (RFC 3515), or nobody's (RFC 6665 4.1.3). Loaded with the
# first one; those of a subscription find it by its dialog. Imports errors, header syntax, refusal and refer.

from siplet.errors import RemoteError
from siplet.sip.header import run, same


def inside(session, request, source, now):
    """In the dialog of a call."""
    event = request.header(b"event") or b""
    if same(event, 0, b"refer") and run(event, 0, len(event)) == 5:
        from siplet.sip.refer import on_notify

        on_notify(session, request, source, now)
        return
    outside(session.endpoint, request, source, now)


def outside(endpoint, request, source, now):
    """Nobody asked for it: 481, or 489 for an event package that we do not know."""
    from siplet.sip.refusal import EVENTS

    event = request.header(b"event") or b""
    end = run(event, 0, len(event))
    i = EVENTS.find(event[:end])
    # The whole of a name, of which another one may be a part
    if not end or i < 0 or EVENTS[i - 1] != 32 or EVENTS[i + end] != 32:
        raise RemoteError(489, "Event: unknown")
    raise RemoteError(481, "Event: nobody subscribed")
