# Short messages as an application sends and gets them (RFC 3428). Loaded with the first one. May import platform,
# waiting, errors and the pure core.

from collections import namedtuple

from siplet import platform
from siplet.errors import CallRejected, CallTimeout, LocalError, RemoteError
from siplet.sip.builder import reason
from siplet.sip.header import param, uri_of
from siplet.sip.instant import Inbox, Instant
from siplet.waiting import Waiting

# A message that came. sender: URI; text: str; call: the Call in which it came, or None; request: the whole Message
Text = namedtuple("Text", ("sender", "text", "call", "request"))


def listen(phone, handler):
    """Have handler(text) called with every Text that comes; None: take no more. It is a function, not a coroutine."""
    for usage in phone.endpoint.usages:
        if isinstance(usage, Inbox):
            usage.stop(platform.now())
    if handler:
        Inbox(phone.endpoint).call = _Reader(handler)


class _Reader:
    # What takes the events of an Inbox
    def __init__(self, handler):
        self._handler = handler

    def on_event(self, event):
        request, session = event.data
        sender = _string(uri_of(request.header(b"from")), b"")
        text = _string(request.body, (param(request.header(b"content-type"), b"charset") or b"").lower())
        self._handler(Text(sender, text, session.call if session else None, request))


class _Sent(Waiting):
    # Waits for the fate of one message
    more = "errors"
    status = 0
    reason = ""

    def on_event(self, event):
        self.status = event.status
        self.reason = _string(event.reason or reason(event.status), b"")
        self.notify()


async def send(phone, target, text, timeout_ms=32_000, account=None, call=None):
    """Send text (str) to target (a sip: URI, or a number at our registrar), or in a call; returns the status: 200 it
    was taken, 202 it will be passed on later.

    Raises CallRejected when it was refused (413, before anything is sent, when it does not fit into a datagram with
    its head: some 800 bytes of UTF-8 do), CallTimeout when nobody answered.
    """
    now = platform.now()
    try:
        if call:
            account, session = call.account or phone.accounts[0], call.session
            credentials, hop, target = session.credentials, b"", b""
        else:
            session = None
            if ":" not in target:
                target = f"sip:{target}@" + phone.address.split("@")[-1]
            account, target, hop = phone.route(target, account)
            credentials = account.credentials if hop else None
        me = b"<" + account.aor + b">"
        message = Instant(phone.endpoint, target, me, text.encode(), now, credentials, hop, session)
    except RemoteError as error:
        raise CallRejected(error.status, error.text)
    except LocalError:
        raise CallRejected(413, "the message is too long")
    message.call = sent = _Sent()
    phone.pump()
    try:
        if not await sent.until(lambda: sent.status, timeout_ms) or sent.status == 408:
            raise CallTimeout(408, "No answer")
    finally:  # nobody waits for it any more
        message.call = None
        message.stop(now)
    if sent.status >= 300:
        raise CallRejected(sent.status, sent.reason)
    return sent.status


def _string(value, charset):
    # what was written, as str; without what is not ASCII when it is not UTF-8
    if charset == b"iso-8859-1":
        return "".join([chr(c) for c in value])
    try:
        return value.decode()
    except UnicodeError:
        return bytes([c for c in value if c < 128]).decode()
