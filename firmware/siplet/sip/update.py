# UPDATE from the far end: RFC 3311 section 5.2. Loaded with the first one. Imports what answering imports.
#
# It may come before the call is answered, too, and says that its sender is somewhere else now (a target refresh), or
# still there (a session timer), or offers another sound. It is answered at once; what is not to be answered at once
# belongs into a re-INVITE.

from siplet.errors import RemoteError
from siplet.sip import answering
from siplet.sip.reply import destination


def inside(session, request, source, now):
    """Take an UPDATE in the dialog of a call. RemoteError: 491 and 500 when offers cross, 422, 488 ..."""
    up = session.state in ("answered", "leaving", "up")
    body = request.body
    sdp = b""
    if body:
        if answering.offering(session) or not (up or session.state == "ringing" or session._answered) or session._owed:
            raise RemoteError(491, "UPDATE: an offer of ours waits for its answer")
        if session.state == "ringing" and (not getattr(session, "_described", False) or session._owing):
            raise RemoteError(500, "UPDATE: the first offer is not answered yet")
    if up:
        answering.timing(session, request)
    if body:
        media = session.media
        waiting = media._wanted
        sdp = answering.answer(session, request, body)
        if not up:  # another fork may still answer our INVITE; what this one said in its first answer is over
            media._wanted = waiting
            session.dialog.answer = None
    session.dialog.refresh(request)
    builder = session._reply_begin(request, source)
    answering.complete(session, builder, destination(request, source), session.timer if up else None, now)
    if sdp:
        builder.body(b"application/sdp", sdp)
    session._reply_end(request, source, now)
    if sdp:
        session._tell_media()
