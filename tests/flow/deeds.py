# What an application does with a phone besides calling: all that the modules of sip/ offer which are loaded when they
# are needed. For storm.py, which does one or the other at random. A module that a build leaves out is passed over.

from siplet.errors import LocalError, RemoteError

BELL, DESK = b"sip:bell@10.0.0.1", b"sip:desk@10.0.0.2"
_TARGETS = (BELL, DESK, b"sip:x@10.0.0.9", b"sip:x@10.0.0.66")
_LOCAL = b"<sip:x@10.0.0.2>"
_EVENTS = (b"presence", b"dialog", b"message-summary", b"x;id=1")


class Reader:
    """Reads all documents that siplet knows (see sip/subscribe.py); forks: as for a busy lamp."""

    accept = b"application/pidf+xml, application/dialog-info+xml, application/simple-message-summary"

    def __init__(self, forks):
        self.forks = forks
        self._calls = {}

    def read(self, key, kind, body):
        if kind == b"application/pidf+xml":
            from siplet.pidf import read

            return read(body)
        if kind == b"application/simple-message-summary":
            from siplet.mwi import read

            return read(body)
        if kind == b"application/dialog-info+xml":
            from siplet.dialog_info import Calls, info

            calls = self._calls.get(key) or Calls()
            if not calls.update(body):
                return None
            self._calls[key] = calls
            return info(self._calls.values())
        raise RemoteError(415, "Content-Type: not what was asked for")

    def forget(self, key):
        self._calls.pop(key, None)


class Deeds:
    """do(party, session, now): one thing, with a session that is up or None; stop(now) ends all. dice: a Chance."""

    def __init__(self, dice):
        self.dice = dice
        self._started = []  # subscriptions and publications
        self._referrals = []  # of transfers that somebody wants of us
        self.done = {}
        self._all = (
            self._transfer,
            self._swap,
            self._change,
            self._change,
            self._info,
            self._message,
            self._message,
            self._watch,
            self._watch,
            self._publish,
            self._change_state,
            self._tell_transferor,
        )

    def prepare(self, endpoint):
        """What a phone has that takes messages and lets itself be watched."""
        try:
            from siplet.sip.instant import Inbox
            from siplet.sip.notifier import Notifier

            packages = {
                b"presence": (b"application/pidf+xml", self._presence),
                b"dialog": (b"application/dialog-info+xml", self._calls),
            }
            endpoint.usages = [usage for usage in endpoint.usages if not isinstance(usage, (Inbox, Notifier))]
            Inbox(endpoint)
            Notifier(endpoint, packages, lambda watcher, package: self.dice.below(4), _LOCAL, endpoint.credentials)
        except ImportError:
            pass
        endpoint.session_expires = 90 * self.dice.below(2)
        endpoint.reliable = (b"", b"supported")[self.dice.below(2)]

    def _presence(self, version, calls):
        from siplet.pidf import write

        return write(DESK, version & 1, "here", "busy" if version & 2 else "")

    def _calls(self, version, calls):
        from siplet.dialog_info import Dialog, write

        found = [
            Dialog(
                local_tag, state, b"initiator" if is_ours else b"recipient", b"", remote, call_id, local_tag, remote_tag
            )
            for call_id, local_tag, remote_tag, state, is_ours, remote in calls
        ]
        return write(DESK, version, found)

    def take(self, event, now):
        """An event of any kind."""
        if event.kind == "refer":
            event.data.tell(180, b"Ringing", now)
            self._referrals.append(event.data)

    def do(self, party, session, now):
        """See above."""
        deed = self._all[self.dice.below(len(self._all))]
        try:
            if deed(party, session, now):
                name = deed.__name__ if hasattr(deed, "__name__") else str(deed)
                self.done[name] = self.done.get(name, 0) + 1
        except (LocalError, ImportError):  # not now: the call is not up, is being changed ...
            pass

    def stop(self, now):
        """See above."""
        while self._referrals:
            self._referrals.pop().tell(487, b"", now)
        while self._started:
            self._started.pop().stop(now)

    # -- each: whether there was something to do

    def _info(self, party, session, now):
        if session:
            session.send_info(b"application/dtmf-relay", b"Signal=1\r\n", now)
        return session

    def _transfer(self, party, session, now):
        from siplet.sip.refer import refer

        if session:
            refer(session, _TARGETS[self.dice.below(4)], now)
        return session

    def _swap(self, party, session, now):
        # attended transfer: one call in the place of another
        from siplet.sip.refer import refer
        from siplet.sip.replaces import target

        others = [other for other in party.endpoint.sessions if other is not session and other.state == "up"]
        if session and others:
            refer(session, target(others[0]), now)
        return session and others

    def _change(self, party, session, now):
        from siplet.sip.reinvite import change

        if session:
            direction = ("sendonly", "sendrecv", "inactive", None)[self.dice.below(4)]
            change(session, now, direction, bool(self.dice.below(2)))
        return session

    def _message(self, party, session, now):
        from siplet.sip.instant import Instant

        body = b"hello " * self.dice.below(30)
        credentials = party.endpoint.credentials
        Instant(party.endpoint, _TARGETS[self.dice.below(4)], _LOCAL, body, now, credentials, b"", session)
        return True

    def _watch(self, party, session, now):
        from siplet.sip.subscribe import Subscription

        if len(self._started) > 3:
            self._started.pop(0).stop(now)
        target, event = _TARGETS[self.dice.below(4)], _EVENTS[self.dice.below(4)]
        expires = (0, 60, 3600)[self.dice.below(3)]
        reader = Reader(self.dice.below(2))
        subscription = Subscription(party.endpoint, target, _LOCAL, event, expires, reader, party.endpoint.credentials)
        subscription.start(now)
        self._started.append(subscription)
        return True

    def _publish(self, party, session, now):
        from siplet.sip.publish import Publication

        kind = b"application/pidf+xml"
        endpoint = party.endpoint
        publication = Publication(endpoint, DESK, b"sip:10.0.0.9", b"presence", kind, 300, endpoint.credentials)
        publication.put(self._presence(1, ()), now)
        publication.put(self._presence(2, ()), now)
        if len(self._started) > 3:
            self._started.pop(0).stop(now)
        self._started.append(publication)
        return True

    def _change_state(self, party, session, now):
        for usage in party.endpoint.usages:
            if hasattr(usage, "changed"):
                usage.changed(b"presence", now)
                return True
        return False

    def _tell_transferor(self, party, session, now):
        if self._referrals:
            self._referrals.pop().tell((200, 486)[self.dice.below(2)], b"", now)
            return True
        return False
