# Watching others as an application does it: presence, the calls of a phone (a busy lamp), a mailbox. Loaded with the
# first subscription. May import platform, waiting, errors, the documents and the pure core.

from siplet import platform
from siplet.errors import CallRejected, CallTimeout, LocalError, RemoteError
from siplet.sip.subscribe import Subscription
from siplet.waiting import Waiting

_HOUR = 3600


class Watch(Waiting):
    """One subscription, got from phone.subscribe(): `async for document in watch`, or look at .document at any time.

    document: the latest, None before there was one: pidf.Presence, dialog_info.DialogInfo, mwi.Summary, or (type, body)
    of an event package of the application's own. state: "subscribing", "pending" (somebody has to allow it), "active",
    "failed" (tried again later), "leaving", "over"; status, reason: why. A reader that is slow gets the latest only.
    """

    more = "errors"
    state = "off"
    status = 0
    reason = ""
    document = None
    fresh = False

    def __init__(self, phone, account, subscription):
        super().__init__()
        self.phone = phone
        self.account = account
        self.subscription = subscription
        subscription.call = self

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        self.stop()

    def stop(self):
        """Watch no more."""
        self.subscription.stop(platform.now())
        self.phone.pump()

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not await self.changed():
            raise StopAsyncIteration
        return self.document

    async def changed(self, timeout_ms=None):
        """Wait for a document that was not fetched yet, and return it; None when it is over or the time is."""
        await self.until(self._has_news, timeout_ms)
        if self.fresh:
            self.fresh = False
            return self.document
        return None

    def on_event(self, event):
        """Take one Event of the subscription."""
        if event.kind == "notify":
            self.document = event.data
            self.fresh = True
        else:
            if event.data == "failed" and self.subscription.hop:  # perhaps another server of ours serves by now
                self.subscription.hop = self.phone.route(self.subscription.target.decode(), self.account)[2]
            self.state = event.data
            self.status = event.status
            try:
                self.reason = (event.reason or b"").decode()
            except UnicodeError:  # the far end's word
                self.reason = ""
        self.notify()

    def _has_news(self):
        return self.fresh or self.state in ("leaving", "over")

    def is_settled(self):
        """Whether the notifier has said yes or no."""
        return self.state in ("pending", "active", "failed", "over")


class _Reader:
    # The reader (see sip/subscribe.py) of documents that say everything by themselves
    forks = False

    def __init__(self, accept, read):
        self.accept = accept
        self.reads = read

    def read(self, key, kind, body):
        if kind not in self.accept:
            raise RemoteError(415, "Content-Type: not what was asked for")
        return self.reads(body) if self.reads else (kind.decode(), body)

    def forget(self, key):
        return None


class _Lamp:
    # The same of documents that may say what has changed, from all phones that a subscription reached
    forks = True

    def __init__(self):
        from siplet import dialog_info

        self._module = dialog_info
        self.accept = dialog_info.TYPE
        self._calls = {}

    def read(self, key, kind, body):
        if kind != self.accept:
            raise RemoteError(415, "Content-Type: not what was asked for")
        calls = self._calls.get(key) or self._module.Calls()
        if not calls.update(body):
            return None
        self._calls[key] = calls
        return self._module.info(self._calls.values())

    def forget(self, key):
        self._calls.pop(key, None)
        return self._module.info(self._calls.values()) if self._calls else None


def _reader(event, accept):
    if accept:
        return _Reader(accept.encode(), None)
    if event == "presence":
        from siplet import pidf

        return _Reader(pidf.TYPE, pidf.read)
    if event == "message-summary":
        from siplet import mwi

        return _Reader(mwi.TYPE, mwi.read)
    if event == "dialog":
        return _Lamp()
    raise LocalError(event + ": accept= has to name the media type of its documents")


def start(phone, target, event, expires=_HOUR, account=None, accept=None):
    """A Watch that begins now, and tries again for itself until it is stopped or refused for good."""
    if target is None:
        target = (account or phone.accounts[0]).address
    elif ":" not in target:
        target = f"sip:{target}@" + phone.address.split("@")[-1]
    reader = _reader(event, accept)
    try:
        account, target, hop = phone.route(target, account)
        credentials = account.credentials if hop else None
        me = b"<" + account.aor + b">"
        subscription = Subscription(phone.endpoint, target, me, event.encode(), expires, reader, credentials, hop)
        watch = Watch(phone, account, subscription)
        subscription.start(platform.now())
    except RemoteError as error:
        raise CallRejected(error.status, error.text)
    phone.pump()
    return watch


async def subscribe(phone, target, event, timeout_ms=10_000, expires=_HOUR, account=None, accept=None):
    """See phone_more."""
    watch = start(phone, target, event, expires, account, accept)
    if timeout_ms:
        await _settle(watch, timeout_ms)
    return watch


async def fetch(phone, target, event, timeout_ms=10_000, account=None, accept=None):
    """See phone_more."""
    watch = start(phone, target, event, 0, account, accept)
    await _settle(watch, timeout_ms)
    return watch.document


async def _settle(watch, timeout_ms):
    try:
        if not await watch.until(watch.is_settled, timeout_ms):
            raise CallTimeout(408, "No answer")
        if watch.state == "failed" or watch.status >= 300:
            raise CallRejected(watch.status, watch.reason)
    except BaseException:  # nobody waits for it any more
        watch.stop()
        raise
