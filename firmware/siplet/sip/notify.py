# Whose a NOTIFY is: a transfer's (RFC 3515), or a subscription's (RFC 6665). Loaded with the first one. Imports refer
# and subscribe, whichever it takes.

from siplet.sip.header import run, same


def inside(session, request, source, now):
    """In the dialog of a call."""
    event = request.header(b"event") or b""
    if same(event, 0, b"refer") and run(event, 0, len(event)) == 5:
        from siplet.sip.refer import on_notify

        on_notify(session, request, source, now)
        return
    from siplet.sip.subscribe import inside as on_other

    on_other(session, request, source, now)


def outside(endpoint, request, source, now):
    """Without a dialog, or of one that we do not know."""
    from siplet.sip.subscribe import outside as on_other

    on_other(endpoint, request, source, now)
