# Our answers to INVITEs, the first and those in a call: RFC 3261 sections 13.3.1, 13.3.1.4 and 14.2. Loaded with the
# first INVITE that comes. Imports what session imports.
#
#     describe()    what our 2xx will say, decided before anything is sent
#     accept()      the 2xx;  repeat()  again, until its ACK comes;  settle()  the ACK is here
#     reinvite()    an INVITE in a call: one offer at a time, whoever makes it

from siplet.errors import RemoteError
from siplet.limits import T1, T2, TIMEOUT, TRANSACTIONS
from siplet.sip.header import lws, same
from siplet.sip.reply import capabilities
from siplet.ticks import ticks_add, ticks_diff


def describe(session, request):
    """The description for our 2xx: the answer to the request's offer, or an offer of our own when it has none (13.3.1).

    RemoteError(415), (488) or (400): nothing has changed then.
    """
    body = request.body
    session._owed = not body
    if not body:  # the ACK owes us the answer
        return session.media.offer()
    return answer(session, request, body)


def answer(session, request, body=b""):
    """The answer to the offer in a request's body; body: the same, when it was cut out already."""
    data = request.data
    i = request.find(b"content-type")
    i = i and lws(data, i, request.end(i))
    is_sdp = same(data, i, b"application/sdp") and data[i + 15] in b"; \t\r"
    if not is_sdp or request.header(b"content-encoding") not in (None, b"identity"):
        raise RemoteError(415, "Content-Type: only application/sdp")
    return session.media.answer(body or request.body)


def accept(session, transaction, sdp, now):
    """Send the 2xx to an INVITE with that description, and again until the ACK comes."""
    session.request = transaction.request
    session.unacknowledged = transaction
    builder = session._reply_begin(transaction.request, transaction.source)
    complete(session, builder, transaction.destination, session.timer, now)
    if sdp:
        builder.body(b"application/sdp", sdp)
    session._interval = T1
    session._give_up = ticks_add(now, TIMEOUT)
    session.deadline = ticks_add(now, T1)
    transaction.respond(200, builder.end(), now)


def complete(session, builder, destination, timer, now):
    """Add what the 2xx to an INVITE or UPDATE says besides what it repeats."""
    builder.header(b"Contact", session.endpoint.contact(session.user, destination))
    capabilities(builder)
    if timer:
        timer.answer(builder, now)


def timing(session, request):
    """Settle the session timer with a request that would refresh the session. RemoteError(422) when it is too short."""
    if session.timer or session.endpoint.session_expires or request.find(b"session-expires"):
        from siplet.sip.session_timer import serve

        serve(session, request)


def offering(session):
    """Whether a re-INVITE, or an offer in an UPDATE, of ours waits for its answer."""
    for usage in session.endpoint.usages:  # noqa: SIM110  any() allocates
        if getattr(usage, "offering", False) and usage.session is session:
            return True
    return False


def reinvite(session, request, source, now):
    """An INVITE in a call. 491 while an offer of ours waits for its answer, 500 while the first INVITE does (14.2)."""
    if session.state == "answered" and not session._owed:
        # It cannot come before the ACK; that one was lost, or overtaken
        session.step("ack", now)
    if session.state != "up" or (session.request and session._owed):
        raise RemoteError(500 if session.state == "ringing" else 491, "INVITE: another one is pending")
    if offering(session):
        raise RemoteError(491, "INVITE: ours is pending")
    timing(session, request)
    endpoint = session.endpoint
    while len(endpoint.transactions) >= TRANSACTIONS:  # requests of ours may be more
        if not endpoint._make_room():
            raise RemoteError(503, "too many transactions")
    sdp = describe(session, request)  # what it refuses leaves the call as it was
    transaction = endpoint.serve(session, request, source)
    session.dialog.refresh(request)
    accept(session, transaction, sdp, now)
    if not session._owed:
        session._tell_media()


def settle(session, now, ack):
    """The ACK of a 2xx; it may bring the answer to our offer (13.2.1)."""
    session.deadline = session.request = session.unacknowledged = None
    session.dialog.confirmed = True
    if session._owed:
        session._owed = False
        try:
            session.media.accept(ack.body)
            session._tell_media()
        except RemoteError as error:
            session.endpoint.last_error = error.text
            if not session._told:
                session.step("lost", now, 488, b"", "lost")
                return
            session.media.rejected()  # in a call nothing has changed then
    if not session._told:
        session._told = True
        session.invite = session._sdp = None  # what was kept for the answer
        session.endpoint.emit("answered", session)


def repeat(session, now, _):
    """13.3.1.4: our 2xx again, at T1, 2*T1 ... T2, until the ACK comes or 64*T1 have passed."""
    transaction = session.unacknowledged
    if not transaction:
        return
    left = ticks_diff(session._give_up, now)
    if left <= 0:
        session.request = session.unacknowledged = None
        session.step("lost", now, 408, b"No ACK", "lost")
        return
    transaction.respond(200, transaction.data, now)
    session._interval = min(2 * session._interval, T2)
    session.deadline = ticks_add(now, min(session._interval, left))
