# Stories of being watched (RFC 6665 section 4.2): two of ours, and scripted watchers that are too many or too odd.

from siplet import dialog_info, pidf
from siplet.limits import TRANSACTIONS, WATCH_MOST, WATCHERS
from siplet.sip.notifier import Notifier
from siplet.sip.subscribe import Subscription
from siplet.ticks import ticks_diff
from test_subscribe import Lamp, Reader, lamps, opens, states
from wire import Peer, Wire

BELL, DESK = ("10.0.0.1", 5060), ("10.0.0.2", 5060)
ME = b"<sip:bell@10.0.0.1>"


class State:
    """What the shell keeps: is_open, and who may see it."""

    is_open = True
    friends = None  # all

    def presence(self, version, calls):
        return pidf.write(b"sip:bell@10.0.0.1", self.is_open)

    def calls(self, version, calls):
        dialogs = []
        for call_id, ours, theirs, state, is_ours, remote in calls:
            direction = b"initiator" if is_ours else b"recipient"
            dialogs.append(dialog_info.Dialog(ours, state, direction, b"", remote, call_id, ours, theirs))
        return dialog_info.write(b"sip:bell@10.0.0.1", version, dialogs)

    def allow(self, who, package):
        return self.friends is None or who in self.friends


def watched(**knobs):
    wire = Wire(**knobs)
    bell = wire.party("10.0.0.1")
    state = State()
    packages = {b"presence": (pidf.TYPE, state.presence), b"dialog": (dialog_info.TYPE, state.calls)}
    notifier = Notifier(bell.endpoint, packages, state.allow, ME)
    return wire, bell, notifier, state


def watch(wire, party, event=b"presence", expires=3600, user=b"desk"):
    host = party.address[0].encode()
    reader = Lamp() if event == b"dialog" else Reader()
    subscription = Subscription(
        party.endpoint, b"sip:bell@10.0.0.1", b"<sip:" + user + b"@" + host + b">", event, expires, reader
    )
    subscription.start(wire.now)
    return subscription


class Watcher(Peer):
    """A scripted watcher: subscribe(...) says one SUBSCRIBE; `answers` and `notifys` are what it got. It answers NOTIFY
    with `status` and `extra`, or not at all when status is 0."""

    def __init__(self, wire, host="10.0.0.2"):
        super().__init__(wire, host, script=Watcher.on_message)
        self.answers = []
        self.notifys = []
        self.times = []
        self.status = 200
        self.extra = b""

    def on_message(self, message, source):
        if message.status:
            self.answers.append(message)
            return
        self.notifys.append(message)
        self.times.append(self.wire.now)
        if self.status:
            lines = [b"SIP/2.0 " + str(self.status).encode() + b" Said", b"Via: " + message.via]
            lines += [b"From: " + message.header(b"from"), b"To: " + message.header(b"to")]
            lines += [b"Call-ID: " + message.call_id, b"CSeq: " + str(message.cseq).encode() + b" NOTIFY", self.extra]
            self.say(b"\r\n".join([line for line in lines if line]) + b"\r\nContent-Length: 0\r\n\r\n", source)

    def subscribe(
        self, call_id=b"w1", cseq=1, user=b"w", event=b"presence", expires=b"600", to=b"", more=b"", method=b""
    ):
        host = self.address[0].encode()
        method = method or b"SUBSCRIBE"
        lines = [method + b" sip:bell@10.0.0.1 SIP/2.0"]
        lines += [b"Via: SIP/2.0/UDP " + host + b":5060;branch=z9hG4bK" + call_id + str(cseq).encode()]
        lines += [b"From: <sip:" + user + b"@" + host + b">;tag=t" + call_id]
        lines += [b"To: <sip:bell@10.0.0.1>" + to, b"Call-ID: " + call_id, b"Max-Forwards: 70"]
        lines += [b"CSeq: " + str(cseq).encode() + b" " + method]
        lines += [b"Contact: <sip:" + call_id + b"@" + host + b">", b"Event: " + event if event else b""]
        lines += [b"Expires: " + expires if expires else b"", more]
        self.say(b"\r\n".join([line for line in lines if line]) + b"\r\nContent-Length: 0\r\n\r\n", BELL)

    def tag(self):
        return b";tag=" + self.answers[-1].to_tag

    def state(self):
        return self.notifys[-1].header(b"subscription-state")


def last(watcher):
    return watcher.answers[-1].status


def subscribed(**options):
    wire, bell, notifier, state = watched()
    watcher = Watcher(wire)
    watcher.subscribe(**options)
    wire.run(100)
    return wire, bell, notifier, state, watcher


def test_two_of_ours_watch_and_are_watched():
    wire, bell, notifier, state = watched()
    desk = wire.party("10.0.0.2")
    subscription = watch(wire, desk)
    wire.run(100)
    assert states(desk) == ["subscribing", "active"] and opens(desk) == [True]
    assert [w.who for w in notifier.watchers()] == [b"sip:desk@10.0.0.2"]
    state.is_open = False
    notifier.changed(b"presence", wire.now)
    wire.run(2000)
    assert opens(desk) == [True, False]
    wire.run(10_000_000)  # refreshed again and again
    assert subscription.state == "active" and len(notifier.watchers()) == 1
    subscription.stop(wire.now)
    wire.run(100)
    assert states(desk)[-1] == "over" and not notifier.watchers()
    kinds = [event.data.alive for event in bell.events if event.kind == "watcher"]
    assert len(kinds) == 2
    wire.run(40_000)
    assert bell.endpoint.usages == [notifier] and not desk.endpoint.usages and bell.at_rest() and desk.at_rest()


def test_our_calls_light_a_lamp_as_they_come_and_go():
    wire, bell, _notifier, _state = watched()
    desk, other = wire.party("10.0.0.2"), wire.party("10.0.0.3")
    watch(wire, desk, b"dialog")
    wire.run(100)
    assert lamps(desk) == ["idle"]
    other.call(b"sip:bell@10.0.0.1", "other")
    wire.run(1500)
    assert lamps(desk)[-1] == "ringing"
    incoming = bell.take("incoming").source
    incoming.answer(wire.now)
    wire.run(1500)
    assert lamps(desk)[-1] == "busy"
    dialog = [event.data for event in desk.events if event.kind == "notify"][-1].dialogs[0]
    assert dialog.remote == "sip:other@10.0.0.3" and dialog.remote_tag.encode() == incoming.dialog.remote_tag
    incoming.hang_up(wire.now)
    wire.run(1500)
    assert lamps(desk)[-1] == "idle"
    # Out: the lamp is on before anybody has answered
    wire.drop = lambda data, to: to == ("10.0.0.3", 5060)
    out = bell.call(b"sip:other@10.0.0.3")
    wire.run(1500)
    assert lamps(desk)[-1] == "busy"
    dialog = [event.data for event in desk.events if event.kind == "notify"][-1].dialogs[0]
    assert (dialog.state, dialog.direction, dialog.remote) == ("trying", "initiator", "sip:other@10.0.0.3")
    wire.drop = None
    wire.run(5000)
    assert [event.data for event in desk.events if event.kind == "notify"][-1].dialogs[0].state == "early"
    out.hang_up(wire.now)
    wire.run(1500)
    assert lamps(desk)[-1] == "idle"
    before = len(lamps(desk))
    wire.run(100_000)
    assert len(lamps(desk)) == before  # nothing changes, nothing is told


def test_who_watches_presence_alone_costs_no_looking():
    wire, bell, notifier, _state = watched()
    watch(wire, wire.party("10.0.0.2"))
    wire.run(100)
    assert notifier.deadline is None
    subscription = watch(wire, wire.party("10.0.0.3"), b"dialog", user=b"x")
    wire.run(600)
    assert notifier.deadline is not None
    subscription.stop(wire.now)
    wire.run(1000)
    assert notifier.deadline is None and bell.endpoint.next_timer() is not None


def test_nothing_is_told_to_strangers_and_nothing_about_what_we_do_not_tell():
    wire = Wire()
    wire.party("10.0.0.1")
    watcher = Watcher(wire)
    watcher.subscribe()
    wire.run(100)
    assert last(watcher) == 403  # nobody may watch
    wire, bell, notifier, state = watched()
    state.friends = [b"sip:friend@10.0.0.2"]
    watcher = Watcher(wire)
    for wanted, options in (
        (403, {}),
        (489, {"event": b"message-summary"}),
        (489, {"event": b"presence.winfo"}),
        (489, {"event": b""}),
        (406, {"user": b"friend", "more": b"Accept: application/xpidf+xml, text/plain"}),
        (423, {"user": b"friend", "expires": b"59"}),
        (400, {"user": b"friend", "expires": b"soon"}),
        (400, {"user": b"friend", "event": b"presence;id=" + b"x" * 65}),
        (481, {"user": b"friend", "to": b";tag=gone"}),
        (420, {"user": b"friend", "more": b"Require: eventlist"}),
    ):
        watcher.subscribe(**options)
        wire.run(100)
        assert last(watcher) == wanted, options
        if wanted == 489:
            assert watcher.answers[-1].header(b"allow-events") == b"presence, dialog"
        if wanted == 423:
            assert watcher.answers[-1].header(b"min-expires") == b"60"
    assert not notifier.watchers() and not watcher.notifys and bell.endpoint.usages == [notifier]
    watcher.subscribe(user=b"friend", event=b"presence;id=a1", more=b"Accept: application/pidf+xml;q=0.5", expires=b"")
    wire.run(100)
    assert last(watcher) == 200 and watcher.answers[-1].header(b"expires") == str(WATCH_MOST).encode()
    assert watcher.notifys[0].header(b"event") == b"presence;id=a1"


def test_a_question_is_answered_and_forgotten():
    _wire, bell, notifier, _state, watcher = subscribed(expires=b"0")
    assert last(watcher) == 200 and watcher.answers[0].header(b"expires") == b"0"
    assert watcher.state() == b"terminated;reason=timeout" and watcher.notifys[0].body == pidf.write(
        b"sip:bell@10.0.0.1", True
    )
    assert not notifier.watchers() and bell.endpoint.usages == [notifier]


def test_the_same_subscribe_again_makes_no_second_watcher():
    wire, _bell, notifier, _state, watcher = subscribed()
    watcher.subscribe()
    wire.run(100)
    assert len(notifier.watchers()) == 1 and [m.to_tag for m in watcher.answers] == [watcher.answers[0].to_tag] * 2
    watcher.subscribe(cseq=2, to=watcher.tag(), expires=b"900")
    watcher.subscribe(cseq=2, to=watcher.tag(), expires=b"900")
    wire.run(2000)
    assert [m.header(b"expires") for m in watcher.answers[2:]] == [b"900", b"900"]
    assert len(watcher.notifys) == 2 and b"expires=899" in watcher.state()
    watcher.subscribe(cseq=1, to=watcher.tag())
    wire.run(100)
    assert last(watcher) == 500  # it was overtaken
    watcher.subscribe(cseq=3, to=watcher.tag(), event=b"dialog")
    wire.run(100)
    assert last(watcher) == 489
    watcher.subscribe(cseq=4, to=watcher.tag(), method=b"INFO")
    wire.run(100)
    assert last(watcher) == 405


def test_it_ends_when_it_is_not_refreshed_when_it_is_taken_back_and_when_we_stop():
    wire, _bell, notifier, _state, watcher = subscribed(expires=b"60")
    wire.run(59_000)
    assert len(notifier.watchers()) == 1
    wire.run(2_000)
    assert not notifier.watchers() and watcher.state() == b"terminated;reason=timeout"
    wire, _bell, notifier, _state, watcher = subscribed()
    watcher.subscribe(cseq=2, to=watcher.tag(), expires=b"0")
    wire.run(100)
    assert last(watcher) == 200 and watcher.state() == b"terminated;reason=timeout" and not notifier.watchers()
    watcher.subscribe(cseq=3, to=watcher.tag())
    wire.run(100)
    assert last(watcher) == 481
    wire, bell, notifier, _state, watcher = subscribed()
    notifier.stop(wire.now)
    wire.run(100)
    assert watcher.state() == b"terminated;reason=probation;retry-after=60"
    wire.run(40_000)
    assert not bell.endpoint.usages and not bell.endpoint.transactions


def test_who_does_not_take_a_notify_watches_no_longer():
    for status in (481, 404, 500, 405):
        wire, bell, notifier, _state = watched()
        watcher = Watcher(wire)
        watcher.status = status
        watcher.subscribe()
        wire.run(100)
        assert not notifier.watchers() and len(watcher.notifys) == 1
    wire, bell, notifier, _state = watched()
    watcher = Watcher(wire)
    watcher.status = 0  # it vanished
    watcher.subscribe()
    wire.run(33_000)
    assert not notifier.watchers()
    wire.run(40_000)
    assert bell.at_rest()
    wire, bell, notifier, _state = watched()
    watcher = Watcher(wire)
    watcher.status, watcher.extra = 503, b"Retry-After: 20"
    watcher.subscribe()
    wire.run(15_000)
    assert len(watcher.notifys) == 1 and len(notifier.watchers()) == 1
    watcher.status, watcher.extra = 200, b""
    wire.run(10_000)
    assert len(watcher.notifys) == 2 and 19_900 < ticks_diff(watcher.times[1], watcher.times[0]) < 21_000


def test_watchers_are_bounded_and_one_that_was_switched_off_takes_its_place_again():
    wire, bell, notifier, _state = watched()
    watcher = Watcher(wire)
    for i in range(WATCHERS + 3):
        name = b"w" + str(i).encode()
        watcher.subscribe(call_id=name, user=name)
        wire.run(50)
        assert last(watcher) == (200 if i < WATCHERS else 480)
    assert len(notifier.watchers()) == WATCHERS == len(watcher.notifys)
    # The same one from the same place: its first subscription is forgotten
    wire2 = next(w for w in notifier.watchers() if w.who == b"sip:w1@10.0.0.2")
    wire2.dialog.call_id = b"before-it-was-off"
    watcher.subscribe(call_id=b"w1", cseq=7, user=b"w1")
    wire.run(50)
    assert last(watcher) == 200 and len(notifier.watchers()) == WATCHERS and wire2 not in notifier.watchers()
    watcher.subscribe(call_id=b"w9", user=b"w9")
    wire.run(50)
    assert last(watcher) == 480
    watcher.subscribe(call_id=b"q9", user=b"w1", expires=b"0")  # to ask once is no watching
    wire.run(50)
    assert last(watcher) == 200 and len(notifier.watchers()) == WATCHERS
    wire.run(700_000)
    assert not notifier.watchers()
    watcher.subscribe(call_id=b"w9", cseq=2, user=b"w9")
    wire.run(50)
    assert last(watcher) == 200 and len(bell.endpoint.usages) == 2


def test_questions_without_end_leave_room():
    wire, bell, _notifier, _state = watched()
    watcher = Watcher(wire)
    watcher.status = 0  # and it never takes what it asked for
    for i in range(3 * TRANSACTIONS):
        watcher.subscribe(call_id=b"q" + str(i).encode(), expires=b"0")
        wire.run(20)
    assert len(bell.endpoint.transactions) == TRANSACTIONS and last(watcher) == 503
    wire.run(40_000)
    watcher.subscribe(call_id=b"last", expires=b"0")
    wire.run(100)
    assert last(watcher) == 200 and len(bell.endpoint.usages) == 1


def test_many_changes_are_told_by_few_notifys_and_the_last_is_never_lost():
    wire, _bell, notifier, state, watcher = subscribed()
    for i in range(50):
        state.is_open = i % 2 == 0
        notifier.changed(b"presence", wire.now)
        wire.run(100)
    wire.run(3000)
    assert 5 <= len(watcher.notifys) <= 8 and b"closed" in watcher.notifys[-1].body
    for i in range(2, len(watcher.times)):
        assert ticks_diff(watcher.times[i], watcher.times[i - 1]) >= 1000
    assert [m.cseq for m in watcher.notifys] == list(range(watcher.notifys[0].cseq, watcher.notifys[-1].cseq + 1))
    # A slow one gets the next when it has answered
    watcher.status = 0
    state.is_open = True
    notifier.changed(b"presence", wire.now)
    wire.run(2000)
    state.is_open = False
    notifier.changed(b"presence", wire.now)
    wire.run(2000)
    watcher.status = 200
    wire.run(10_000)
    assert b"closed" in watcher.notifys[-1].body and len(notifier.watchers()) == 1


def test_loss_on_the_way_ends_no_watching():
    for seed in range(1, 6):
        wire, bell, notifier, state = watched(loss=25, duplicate=10, reorder=10, seed=seed)
        desk = wire.party("10.0.0.2")
        watch(wire, desk)
        wire.run(200_000)
        for i in range(10):
            state.is_open = i % 2 == 1
            notifier.changed(b"presence", wire.now)
            wire.run(20_000)
        wire.loss = 0
        wire.run(400_000)
        state.is_open = not state.is_open
        notifier.changed(b"presence", wire.now)
        wire.run(10_000)
        assert opens(desk)[-1] is state.is_open, seed
        assert len(notifier.watchers()) <= 2 and len(bell.endpoint.usages) <= 3


def test_a_notify_that_is_challenged_is_sent_again_with_our_password():
    wire, bell, notifier, _state = watched()
    notifier.credentials = bell.credentials("bell", "secret")
    watcher = Watcher(wire)
    watcher.status, watcher.extra = 401, b'WWW-Authenticate: Digest realm="w", nonce="n"'

    watcher.subscribe()
    wire.run(15)
    assert wire.run_until(lambda: watcher.notifys, 1000)
    watcher.status, watcher.extra = 200, b""
    wire.run(200)
    assert len(watcher.notifys) == 2 and watcher.notifys[1].header(b"authorization") and notifier.watchers()
