# Being watched as an application does it: what we publish at our server, and who may watch us directly. Loaded with the
# first of both. May import platform, waiting, errors, the documents and the pure core.

from siplet import dialog_info, pidf, platform
from siplet.errors import CallRejected, CallTimeout, LocalError, RemoteError
from siplet.markup import string
from siplet.sip.builder import reason
from siplet.sip.uri import Uri
from siplet.sip.uri_equal import equal
from siplet.waiting import Waiting


class Presence(Waiting):
    """How we are: is_open, note, activity (see pidf). One for each phone: of(phone)."""

    more = "errors"
    is_open = True
    note = activity = ""
    publication = None  # sip.publish.Publication at our server
    notifier = None  # sip.notifier.Notifier of those who watch us directly
    answer = 0

    def __init__(self, phone):
        super().__init__()
        self.phone = phone
        self.details = False
        self.handler = None
        self.account = phone.accounts[0]
        self._id = platform.random(4).hex()

    def document(self):
        """Our presence, bytes."""
        return pidf.write(self.account.aor, self.is_open, self.note, self.activity, self._id)

    def calls(self, version, calls):
        """Our calls, bytes; calls: what Notifier.calls() gives."""
        found = []
        for call_id, local_tag, remote_tag, state, is_ours, remote in calls:
            direction = b"initiator" if is_ours else b"recipient"
            names = (call_id, local_tag, remote_tag) if self.details else (b"", b"", b"")
            found.append(dialog_info.Dialog(local_tag, state, direction, b"", remote if self.details else b"", *names))
        return dialog_info.write(self.account.aor, version, found)

    async def publish(self, is_open, note, activity, timeout_ms):
        """See phone_more."""
        if activity.strip("abcdefghijklmnopqrstuvwxyz-"):
            raise LocalError("activity is one of RFC 4480's words, such as on-the-phone")
        self.is_open, self.note, self.activity = is_open, note, activity
        now = platform.now()
        if self.notifier:
            self.notifier.changed(b"presence", now)
        if not self.account.register:  # there is no server: who watches us asks us
            self.phone.pump()
            return 0
        if not self.publication:
            from siplet.sip.publish import Publication

            account = self.account
            self.publication = Publication(
                self.phone.endpoint, account.aor, account.hop, b"presence", pidf.TYPE, credentials=account.credentials
            )
            self.publication.call = self
        self.publication.hop = self.account.hop
        self.publication.put(self.document(), now)
        self.phone.pump()
        self.answer = 0
        if not await self.until(lambda: self.answer, timeout_ms) or self.answer == 408:
            raise CallTimeout(408, "No answer")
        if self.answer >= 300 and not self.notifier:
            raise CallRejected(self.answer, reason(self.answer).decode())
        return self.answer

    def on_event(self, event):
        """Take an event of the publication, or of the notifier."""
        if event.kind == "watcher":
            if self.handler:
                watcher = event.data
                self.handler(string(watcher.who), string(watcher.event), event.status == 200)
        elif event.data in ("failed", "off") or self.publication.held is self.publication.document:
            self.answer = event.status
            self.publication.hop = self.account.hop  # perhaps another server of ours serves by now
            self.notify()


def of(phone):
    """The Presence of a phone, made when it is asked for first."""
    presence = getattr(phone, "presence", None)
    if not presence:
        phone.presence = presence = Presence(phone)
    return presence


def watchers(phone, allow, on_change, details):
    """See phone_more."""
    from siplet.sip.notifier import Notifier

    presence = of(phone)
    if presence.notifier:
        presence.notifier.stop(platform.now())
        presence.notifier = None
    presence.handler = on_change
    presence.details = details
    if allow:

        def may_watch(who, package):
            if callable(allow):
                return allow(string(who), package.decode())
            return allow == "all" or any(_same(who, uri.encode()) for uri in allow)

        packages = {
            b"presence": (pidf.TYPE, lambda version, calls: presence.document()),
            b"dialog": (dialog_info.TYPE, presence.calls),
        }
        account = presence.account
        presence.notifier = Notifier(
            phone.endpoint, packages, may_watch, b"<" + account.aor + b">", account.credentials
        )
        presence.notifier.call = presence
    phone.pump()


def _same(one, other):
    try:
        return equal(Uri(one), Uri(other))
    except RemoteError:
        return False
