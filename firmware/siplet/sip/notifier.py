# Being watched: the notifier of RFC 6665, section 4.2, for a few watchers of `presence` (RFC 3856) and of `dialog`, our
# calls (RFC 4235). Imports usage and what it imports, dialog, invite_client, errors, limits and ticks.
#
# Who lets himself be watched puts a Notifier among the endpoint's usages; without one every SUBSCRIBE is refused. Each
# subscription is a Watcher with a dialog of its own. It has one NOTIFY under way, and what changes meanwhile is told
# by the next one: no watcher makes a queue grow. Our calls are looked at twice a second while somebody watches them.

from siplet.errors import LocalError, RemoteError
from siplet.limits import TRANSACTIONS, WATCH_LEAST, WATCH_MOST, WATCH_PACE, WATCHERS
from siplet.sip.dialog import Dialog
from siplet.sip.header import integer, param, uri_of
from siplet.sip.invite_client import Outgoing
from siplet.sip.reply import destination
from siplet.sip.usage import Usage, package, same_event
from siplet.ticks import ticks_add, ticks_diff

_LOOK = 500  # ms
_ID = 64  # bytes of an Event's id, which every NOTIFY repeats


class Notifier:
    """packages: {b"presence": (media type, write(version, calls) -> document), ...}, all bytes.

    allow(watcher, package): whether that URI (bytes) may watch. local: our From value. Event `watcher`: one came
    (status 200) or went (0); data: the Watcher. changed(package, now) says that there is something to tell.
    """

    alive = True
    dialog = unacknowledged = deadline = call = None

    def __init__(self, endpoint, packages, allow, local, credentials=None):
        self.endpoint = endpoint
        self.packages = packages
        self.allow = allow
        self.local = local
        self.credentials = credentials
        self.seen = []  # each call's session and state, one behind the other
        endpoint.usages.append(self)
        endpoint.registrations.insert(0, self)  # what is taken back before we leave
        endpoint.builder.events = b", ".join(sorted(packages)) + b", refer"

    def watchers(self):
        """Those there are now."""
        return [usage for usage in self.endpoint.usages if isinstance(usage, Watcher) and usage.alive]

    def changed(self, event, now):
        """Tell everybody who watches this package."""
        for watcher in self.watchers():
            if package(watcher.event) == event:
                watcher.tell(now)

    def on_time(self, now):
        """Look whether our calls are what they were."""
        seen = self.seen
        i = 0
        for session in self.endpoint.sessions:
            if i == len(seen) or seen[i] is not session or seen[i + 1] != session.state:
                i = -1
                break
            i += 2
        if i != len(seen):
            self.seen = []
            for session in self.endpoint.sessions:
                self.seen += [session, session.state]
            self.changed(b"dialog", now)
        self.look(now)

    def look(self, now):
        """Go on looking at our calls while somebody watches them."""
        for watcher in self.watchers():
            if package(watcher.event) == b"dialog":
                self.deadline = ticks_add(now, _LOOK)
                return
        self.seen = []

    def stop(self, now):
        """Let nobody watch any more."""
        if self in self.endpoint.registrations:
            self.endpoint.registrations.remove(self)
            self.endpoint.builder.events = b"refer"
        self.alive = False
        for watcher in self.watchers():
            watcher.stop(now)

    def calls(self):
        """[(Call-ID, our tag, their tag, state, whether it is outgoing, their URI), ...] of our calls.

        state: as RFC 4235 3.7.1 names it; their tag: b"" until there is one.
        """
        found = []
        for session in self.endpoint.sessions:
            state = session.state
            dialog = session.dialog
            if not session.occupies:
                continue
            if state == "calling" or state == "proceeding":
                state = b"trying" if state == "calling" else b"early" if dialog else b"proceeding"
            else:
                state = b"early" if state == "ringing" else b"confirmed"
            dialog = dialog or session._outline  # nobody has answered yet
            names = dialog.call_id, dialog.local_tag, dialog.remote_tag
            found.append(names + (state, isinstance(session, Outgoing), uri_of(dialog.remote)))
        return found


def outside(endpoint, request, source, now):
    """A SUBSCRIBE without a dialog: a new watcher."""
    for notifier in endpoint.usages:
        if isinstance(notifier, Notifier) and notifier.alive:
            break
    else:
        raise RemoteError(403, "SUBSCRIBE: nobody may watch")
    event = request.header(b"event") or b""
    name = package(event)
    if name not in notifier.packages:
        raise RemoteError(489, "Event: not told here")
    kind = notifier.packages[name][0]
    accept = [value.split(b";")[0].strip().lower() for value in request.headers(b"accept")]
    if accept and kind not in accept and b"*/*" not in accept and b"application/*" not in accept:
        raise RemoteError(406, "Accept: " + kind.decode())
    identity = param(event, b"id")
    if identity is not None and not 0 < len(identity) <= _ID:
        raise RemoteError(400, "Event: id")
    expires = _expires(request)
    who = uri_of(request.header(b"from"))
    if not notifier.allow(who, name):
        raise RemoteError(403, "From: may not watch")
    dialog = Dialog.from_request(request, endpoint.token())
    former = None
    watchers = notifier.watchers()
    for watcher in watchers:
        if watcher.dialog.call_id == request.call_id and watcher.dialog.remote_tag == request.from_tag:
            watcher.accept(request, source, now)  # again: our answer was lost
            return
        if watcher.who == who and watcher.dialog.target == dialog.target and same_event(watcher.event, event):
            former = watcher
    if len(endpoint.transactions) >= TRANSACTIONS:
        raise RemoteError(503, "too many transactions")
    if expires and former:  # it was switched off and on
        former.leave()
    elif expires and len(watchers) >= WATCHERS:
        raise RemoteError(480, "SUBSCRIBE: too many watch already")
    event = name if identity is None else name + b";id=" + identity
    watcher = Watcher(notifier, who, dialog, event, kind)
    endpoint.usages.append(watcher)
    watcher.grant(expires, now)
    if expires:
        watcher.accept(request, source, now)
        endpoint.emit("watcher", notifier, 200, b"", watcher)
        watcher.tell(now)
        notifier.look(now)
    else:  # only a question, which is forgotten at once: its repetition must find what answered it
        watcher.alive = False
        watcher.accept(request, source, now, endpoint.serve(watcher, request, source))
        watcher.notify(b"terminated;reason=timeout", now)


class Watcher(Usage):
    """One who watches us. who: URI, bytes; event: the package, with its id where there is one."""

    version = 0
    _dirty = False  # there is something to tell when the NOTIFY under way is answered, or it is not too soon any more
    not_before = None  # when it is not too soon

    def __init__(self, notifier, who, dialog, event, kind):
        super().__init__(notifier.endpoint, notifier.credentials, notifier.local)
        self.notifier = notifier
        self.who = who
        self.dialog = dialog
        self.event = event
        self.kind = kind

    def grant(self, expires, now):
        """It lasts so many seconds."""
        self.deadline = self._lapse = ticks_add(now, expires * 1000)

    def accept(self, request, source, now, transaction=None):
        """200 to a SUBSCRIBE, with the seconds that are left."""
        builder = self.endpoint.builder
        builder.reply(request, 200, source, self.dialog.local_tag)
        builder.copy(request, b"record-route")
        builder.header(b"Contact", self.endpoint.contact(self.user, source))
        builder.header(b"Expires", max(0, ticks_diff(self._lapse, now) // 1000))
        if transaction:
            transaction.respond(200, builder.end(), now)
        else:  # the same SUBSCRIBE, come again, gets the same answer
            self.endpoint.send(builder.end(), destination(request, source))

    def on_request(self, request, source, now):
        """A SUBSCRIBE in the dialog: it is to last longer, or to end."""
        if request.method != b"SUBSCRIBE":
            raise RemoteError(405, "only SUBSCRIBE in a subscription")
        if not same_event(request.header(b"event") or b"", self.event):
            raise RemoteError(489, "Event: not what was subscribed")
        if request.cseq == self.dialog.remote_cseq:
            self.accept(request, source, now)
            return
        self.dialog.check_order(request)
        expires = _expires(request)
        self.dialog.remote_cseq = request.cseq
        self.dialog.refresh(request)
        self.grant(expires, now)
        self.accept(request, source, now)
        if expires:
            self.tell(now)
        else:
            self.end(b"timeout", now)

    def tell(self, now):
        """Something may have changed: a NOTIFY, as soon as one may leave."""
        self._dirty = True
        self.on_time(now)

    def on_time(self, now):
        """It is over, or there is something to tell."""
        self.deadline = self._lapse
        if ticks_diff(now, self._lapse) >= 0:
            self.end(b"timeout", now)
        elif self._dirty and not self.transaction:
            if self.not_before is None or ticks_diff(now, self.not_before) >= 0:
                self.not_before = ticks_add(now, WATCH_PACE)
                self.notify(b"active;expires=" + str(ticks_diff(self._lapse, now) // 1000).encode(), now)
            elif ticks_diff(self.not_before, self._lapse) < 0:
                self.deadline = self.not_before

    def end(self, reason, now):
        """The last NOTIFY; reason: of RFC 6665 4.1.3."""
        headers = (b"Event", self.event), (b"Subscription-State", b"terminated;reason=" + reason)
        self.leave()
        self.ask(b"NOTIFY", now, headers)

    def stop(self, now):
        """We are about to leave; it may ask again later."""
        self.end(b"probation;retry-after=60", now)

    def answered(self, status, response, now):
        """A NOTIFY was taken, or not: then it watches no longer (4.2.2), but for one that shall come again later."""
        if not self.alive:
            return
        if status >= 300:
            after = response.header(b"retry-after") if response and status != 481 else None
            if not after:
                self.leave()
                return
            try:
                seconds = max(1, integer(after, WATCH_MOST))
            except RemoteError:  # not to be read, or longer than it watches
                seconds = WATCH_MOST
            self._dirty = True
            self.not_before = self.deadline = ticks_add(now, 1000 * seconds)
            if ticks_diff(self.deadline, self._lapse) > 0:
                self.deadline = self._lapse
        else:
            self.on_time(now)

    def notify(self, state, now):
        """Tell how things are; state: the value of Subscription-State."""
        self._dirty = False
        notifier = self.notifier
        body = notifier.packages[package(self.event)][1](self.version, notifier.calls())
        self.version += 1
        headers = (b"Event", self.event), (b"Subscription-State", state)
        try:
            self.ask(b"NOTIFY", now, headers, self.kind, body)
        except (LocalError, MemoryError):  # too long with all that it has us repeat: the others shall be told
            self.leave()

    def leave(self):
        """It watches no longer."""
        if self.alive:
            self.part()
            self.endpoint.emit("watcher", self.notifier, 0, b"", self)


def _seconds(value, otherwise):
    return integer(value, 0xFFFFFFFF) if value else otherwise


def _expires(request):
    try:
        seconds = min(_seconds(request.header(b"expires"), WATCH_MOST), WATCH_MOST)
    except RemoteError as error:
        raise RemoteError(400, "Expires: " + error.text)
    if 0 < seconds < WATCH_LEAST:
        raise RemoteError(423, "Expires: too short")
    return seconds
