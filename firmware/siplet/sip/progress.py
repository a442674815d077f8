# Being heard before the answer: 183 with our description, RFC 3261 sections 13.3.1.1 and 21.1.5. Loaded when an
# application asks for it. Imports errors.

from siplet.errors import LocalError


def progress(session, now):
    """Let the caller of a session that rings here hear us before the answer. False when it rings no more.

    LocalError when the caller has left the offer to us: without reliable responses its answer comes after ours.
    """
    if hasattr(session, "pending"):  # reliable.Reliable
        return session.progress(now)
    if session.state != "ringing":
        return False
    if session._owed:
        raise LocalError("the caller made no offer")
    invite = session.invite
    builder = session._reply_begin(invite.request, invite.source, 183)
    builder.header(b"Contact", session.endpoint.contact(session.user, invite.destination))
    builder.body(b"application/sdp", session._sdp)
    invite.respond(183, builder.end(), now)
    session._tell_media()
    return True
