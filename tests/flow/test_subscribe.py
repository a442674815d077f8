# Stories of a subscriber (RFC 6665 section 4.1) with a scripted notifier: dialogs made by NOTIFY, refreshes, ends.

from siplet import dialog_info, pidf
from siplet.errors import RemoteError
from siplet.limits import EARLY_DIALOGS
from siplet.sip.subscribe import Subscription
from siplet.ticks import ticks_diff
from wire import Peer, Wire

BELL, PBX = ("10.0.0.1", 5060), ("10.0.0.9", 5060)
WHO = b"sip:desk@10.0.0.9"
ME = b"<sip:bell@10.0.0.9>"
OPEN = pidf.write("sip:desk@10.0.0.9", True)
CLOSED = pidf.write("sip:desk@10.0.0.9", False)


class Reader:
    """As watching.py's: documents as pidf reads them."""

    accept = pidf.TYPE
    forks = False

    def __init__(self):
        self.forgotten = []

    def read(self, key, kind, body):
        if kind != self.accept:
            raise RemoteError(415, "Content-Type")
        return pidf.read(body)

    def forget(self, key):
        self.forgotten.append(key)


class Notifier(Peer):
    """Answers SUBSCRIBE as `answers` say: [(status, Expires, more), ...], the last one again and again. What it does of
    itself: notify(state, body). `early`: the NOTIFY leaves before the 2xx.
    """

    def __init__(self, wire):
        super().__init__(wire, "10.0.0.9", script=Notifier.on_message)
        self.answers = [(200, 3600, b"")]
        self.state = b"active;expires=3600"
        self.body = OPEN
        self.early = False
        self.silent = False  # no NOTIFY by itself
        self.nameless = False  # no Contact in a NOTIFY, as Linphone
        self.tag = b"n1"
        self.cseq = 10
        self.subscribed = []  # the SUBSCRIBEs
        self.statuses = []  # of the answers to our NOTIFYs
        self.times = []

    def on_message(self, message, source):
        if message.status:
            self.statuses.append(message.status)
            return
        if message.method != b"SUBSCRIBE":
            return
        self.subscribed.append(message)
        self.times.append(self.wire.now)
        status, expires, more = self.answers[0]
        if len(self.answers) > 1:
            self.answers.pop(0)
        answer = [b"SIP/2.0 " + str(status).encode() + b" Said", b"Via: " + message.via]
        answer += [b"From: " + message.header(b"from")]
        to = message.header(b"to")
        answer += [b"To: " + to + (b"" if b"tag=" in to else b";tag=" + self.tag), b"Call-ID: " + message.call_id]
        answer += [b"CSeq: " + str(message.cseq).encode() + b" SUBSCRIBE"]
        if status < 300:
            answer += [b"Expires: " + str(expires).encode(), b"Contact: <sip:there@10.0.0.9>"]
        if more:
            answer.append(more)
        answer = b"\r\n".join(answer) + b"\r\nContent-Length: 0\r\n\r\n"
        if not self.early:
            self.say(answer, source)
        if status < 300 and not self.silent:
            ends = message.header(b"expires") == b"0"
            self.notify(b"terminated;reason=timeout" if ends else self.state, self.body)
        if self.early:
            self.say(answer, source)

    def notify(self, state, body=b"", kind=pidf.TYPE, tag=None, cseq=None, event=b"presence", call_id=None, to=None):
        last = self.subscribed[-1] if self.subscribed else None
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        lines = [b"NOTIFY sip:bell@10.0.0.1 SIP/2.0", b"Max-Forwards: 70"]
        branch = str(cseq).encode() + (tag or self.tag)
        lines += [b"Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK" + branch]
        if not self.nameless:
            lines.append(b"Contact: <sip:10.0.0.9>")
        lines += [b"From: <" + WHO + b">;tag=" + (tag or self.tag)]
        lines += [b"To: " + (last.header(b"from") if to is None else to), b"Call-ID: " + (call_id or last.call_id)]
        lines += [b"CSeq: " + str(cseq).encode() + b" NOTIFY"]
        if event:
            lines.append(b"Event: " + event)
        if state:
            lines.append(b"Subscription-State: " + state)
        if body:
            lines.append(b"Content-Type: " + kind)
        lines.append(b"Content-Length: " + str(len(body)).encode())
        self.say(b"\r\n".join(lines) + b"\r\n\r\n" + body, BELL)


def watching(expires=3600, reader=None, event=b"presence", credentials=None, **knobs):
    wire = Wire(**knobs)
    pbx = Notifier(wire)
    bell = wire.party("10.0.0.1")
    if credentials:
        credentials = bell.credentials(*credentials)
    watch = Subscription(bell.endpoint, WHO, ME, event, expires, reader or Reader(), credentials)
    return wire, pbx, bell, watch


def states(bell):
    bell.collect()
    return [event.data for event in bell.events if event.kind == "subscription"]


def documents(bell):
    bell.collect()
    return [event.data for event in bell.events if event.kind == "notify"]


def opens(bell):
    return [document.open for document in documents(bell)]


def active(**options):
    wire, pbx, bell, watch = watching(**options)
    watch.start(wire.now)
    wire.run(100)
    assert watch.state == "active"
    return wire, pbx, bell, watch


def test_a_notify_without_a_contact_leaves_that_to_the_2xx():
    for early in (False, True):
        wire, pbx, bell, watch = watching()
        pbx.early, pbx.nameless, pbx.state = early, True, b"active"
        pbx.answers = [(200, 600, b"Record-Route: <sip:10.0.0.9;lr;a>, <sip:10.0.0.9;lr;b>")]
        watch.start(wire.now)
        wire.run(1200_000)
        assert opens(bell)[0] is True and watch.state == "active" and len(pbx.subscribed) >= 2
        again = pbx.subscribed[1]
        assert again.uri == b"sip:there@10.0.0.9" and again.to_tag == b"n1"
        assert again.headers(b"route") == [b"<sip:10.0.0.9;lr;b>", b"<sip:10.0.0.9;lr;a>"]
    # With one, it is the NOTIFY that counts
    wire, pbx, bell, watch = watching()
    pbx.answers, pbx.state = [(200, 600, b"Record-Route: <sip:10.0.0.9;lr;a>")], b"active"
    watch.start(wire.now)
    wire.run(700_000)
    assert pbx.subscribed[1].uri == b"sip:10.0.0.9" and not pbx.subscribed[1].headers(b"route")
    # Lost, it is our server that has to know the way
    wire, pbx, bell, watch = watching()
    pbx.nameless = True
    wire.drop = lambda data, to: data.startswith(b"SIP/2.0 200") and to == BELL
    watch.start(wire.now)
    wire.run(50_000)
    wire.drop = None
    watch.stop(wire.now)
    wire.run(100)
    assert pbx.subscribed[-1].uri == WHO and pbx.subscribed[-1].to_tag == b"n1" and watch.state == "over"


def test_a_subscription_gets_documents_refreshes_in_its_dialog_and_ends():
    for early in (False, True):
        wire, pbx, bell, watch = watching()
        pbx.early = early
        watch.start(wire.now)
        wire.run(100)
        assert states(bell) == ["subscribing", "active"] and opens(bell) == [True] and pbx.statuses == [200]
        first = pbx.subscribed[0]
        assert (first.header(b"event"), first.header(b"expires"), first.header(b"accept")) == (
            b"presence",
            b"3600",
            pidf.TYPE,
        )
        pbx.notify(b"active;expires=3500", CLOSED)
        wire.run(100)
        assert opens(bell) == [True, False] and pbx.statuses == [200, 200]
        wire.run(2 * 3600 * 1000)
        again = pbx.subscribed[1]
        assert again.call_id == first.call_id and again.to_tag == b"n1" and again.cseq > first.cseq
        for i in range(1, len(pbx.times)):
            assert 0.69 * 3500_000 < ticks_diff(pbx.times[i], pbx.times[i - 1]) < 0.86 * 3600_000
        watch.stop(wire.now)
        wire.run(100)
        assert pbx.subscribed[-1].header(b"expires") == b"0" and states(bell)[-2:] == ["leaving", "over"]
        wire.run(40_000)
        assert not bell.endpoint.usages and bell.at_rest()


def test_a_lost_2xx_does_not_matter_once_the_notify_is_here():
    wire, _pbx, bell, watch = watching()
    wire.drop = lambda data, to: data.startswith(b"SIP/2.0 200") and to == BELL
    watch.start(wire.now)
    wire.run(60_000)  # timer F of the SUBSCRIBE is over
    assert watch.state == "active" and opens(bell)[0] is True and states(bell) == ["subscribing", "active"]


def test_a_2xx_without_a_notify_is_no_subscription():
    wire, pbx, _bell, watch = watching()
    pbx.silent = True
    watch.start(wire.now)
    wire.run(31_000)
    assert watch.state == "subscribing"
    wire.run(2_000)
    assert watch.state == "failed" and watch.status == 408  # timer N
    pbx.notify(b"active", OPEN)
    wire.run(100)
    assert pbx.statuses == [481]  # too late
    pbx.silent = False
    wire.run(20_000)
    assert watch.state == "active" and pbx.subscribed[-1].call_id != pbx.subscribed[0].call_id


def test_a_subscription_survives_loss():
    for seed in range(1, 7):
        wire, pbx, bell, watch = watching(loss=25, duplicate=10, seed=seed)
        watch.start(wire.now)
        wire.run(600_000)
        wire.loss = 0
        pbx.notify(b"active", CLOSED) if watch.dialog and watch.dialog.remote_tag else None
        wire.run(1_200_000)
        assert watch.state == "active", (seed, watch.state)
        # the clock passes the end of every grant: still there, in one dialog, with one of us
        wire.run(8_000_000)
        assert watch.state == "active" and len(bell.endpoint.usages) == 1


def test_a_notify_that_comes_twice_counts_once_and_an_old_one_never():
    wire, pbx, bell, _watch = active()
    pbx.notify(b"active", CLOSED, cseq=50)
    pbx.notify(b"active", CLOSED, cseq=50)
    wire.run(100)
    assert opens(bell) == [True, False] and pbx.statuses == [200, 200, 200]
    pbx.notify(b"active", OPEN, cseq=49)
    wire.run(100)
    assert opens(bell) == [True, False] and pbx.statuses[-1] == 500


def test_what_does_not_belong_or_cannot_be_read_is_refused_and_changes_nothing():
    wire, pbx, bell, _watch = active()
    for wanted, notify in (
        (481, {"state": b"active", "body": OPEN, "event": b"presence;id=7"}),
        (481, {"state": b"active", "body": OPEN, "event": b"dialog"}),
        (400, {"state": b"", "body": OPEN}),
        (415, {"state": b"active", "body": OPEN, "kind": b"application/xpidf+xml"}),
        (400, {"state": b"active", "body": OPEN[:100]}),
        (400, {"state": b'active;expires="5', "body": OPEN}),
        (481, {"state": b"active", "body": OPEN, "tag": b"other"}),
        (481, {"state": b"active", "body": OPEN, "call_id": b"other"}),
        (489, {"state": b"active", "event": b"check-sync", "call_id": b"o", "to": b"<sip:bell@10.0.0.1>"}),
        (489, {"state": b"active", "event": b"", "call_id": b"o", "to": b"<sip:bell@10.0.0.1>"}),
        (481, {"state": b"active", "event": b"message-summary", "call_id": b"o", "to": b"<sip:bell@10.0.0.1>"}),
        (200, {"state": b"active", "body": CLOSED}),
        (200, {"state": b"active"}),
    ):
        pbx.notify(**notify)
        wire.run(100)
        assert pbx.statuses[-1] == wanted, notify
        if wanted == 489:
            assert b"presence" in pbx.got[-1].header(b"allow-events")
        if wanted == 415:
            assert pidf.TYPE in pbx.got[-1].header(b"accept")
    assert opens(bell) == [True, False] and states(bell) == ["subscribing", "active"]


def test_423_and_what_a_server_grants():
    wire, pbx, _bell, watch = watching(expires=30)
    pbx.answers = [(423, 0, b"Min-Expires: 600"), (200, 600, b"")]
    pbx.state = b"active"
    watch.start(wire.now)
    wire.run(1_000_000)
    assert pbx.subscribed[1].header(b"expires") == b"600" and watch.state == "active"
    assert 415_000 < ticks_diff(pbx.times[2], pbx.times[1]) < 515_000
    # A notifier that shortens it is believed
    wire, pbx, _bell, watch = active()
    pbx.notify(b"active;expires=100", OPEN)
    wire.run(90_000)
    assert len(pbx.subscribed) == 2


def test_nonsense_granted_makes_no_storm():
    for granted in (0, 1, 2):
        wire, pbx, _bell, watch = watching()
        pbx.answers = [(200, granted, b"")]
        pbx.state = b"active;expires=" + str(granted).encode()
        watch.start(wire.now)
        wire.run(60_000)
        assert 1 <= len(pbx.subscribed) <= 40 and watch.alive


def test_refused_for_good_or_tried_again():
    for status in (403, 489, 405, 603):
        wire, pbx, bell, watch = watching()
        pbx.answers = [(status, 0, b"")]
        watch.start(wire.now)
        wire.run(1_000_000)
        assert len(pbx.subscribed) == 1 and states(bell) == ["subscribing", "over"] and watch.status == status
        assert not bell.endpoint.usages
    wire, pbx, bell, watch = watching()
    pbx.answers = [(503, 0, b"Retry-After: 120"), (404, 0, b""), (480, 0, b""), (200, 3600, b"")]
    watch.start(wire.now)
    wire.run(1_000)
    assert watch.state == "failed" and watch.status == 503
    wire.run(117_000)
    assert len(pbx.subscribed) == 1
    wire.run(700_000)
    assert watch.state == "active" and len(pbx.subscribed) == 4


def test_how_it_was_terminated_says_whether_and_when_to_come_back():
    for state, least, most in (
        (b"terminated;reason=deactivated", 0, 100),
        (b"terminated;reason=timeout", 0, 100),
        (b"terminated;reason=probation;retry-after=60", 59_900, 60_100),
        (b"terminated;reason=giveup;retry-after=90", 89_900, 90_100),
        (b"terminated", 1_900, 4_100),
        (b"terminated;reason=strange", 1_900, 4_100),
        (b"terminated;reason=probation;retry-after=x", 1_900, 4_100),
    ):
        wire, pbx, bell, watch = active()
        start = wire.now
        pbx.notify(state)
        wire.run(100_000)
        assert len(pbx.subscribed) == 2, state
        assert least <= ticks_diff(pbx.times[1], start) <= most + 40, state
        assert pbx.subscribed[1].call_id != pbx.subscribed[0].call_id and watch.state == "active"
    for reason, status in ((b"rejected", 403), (b"noresource", 404), (b"invariant", 200)):
        wire, pbx, bell, watch = active()
        pbx.notify(b"terminated;reason=" + reason, CLOSED)
        wire.run(1_000_000)
        assert len(pbx.subscribed) == 1 and watch.state == "over" and watch.status == status
        assert opens(bell) == [True, False] and not bell.endpoint.usages


def test_a_notifier_that_always_ends_it_is_asked_more_and_more_rarely():
    wire, pbx, _bell, watch = watching()
    pbx.state = b"terminated;reason=deactivated"
    watch.start(wire.now)
    wire.run(600_000)
    assert 4 <= len(pbx.subscribed) <= 16


def test_a_notifier_that_forgot_us_is_asked_anew():
    for status in (481, 404):
        wire, pbx, _bell, watch = active()
        pbx.answers = [(status, 0, b""), (200, 3600, b"")]
        wire.run(3600_000)
        assert watch.state == "active" and len(pbx.subscribed) == 3
        assert pbx.subscribed[2].call_id != pbx.subscribed[1].call_id == pbx.subscribed[0].call_id


def test_a_refresh_that_fails_is_tried_again_while_the_subscription_lasts():
    wire, pbx, bell, watch = active()
    pbx.answers = [(500, 0, b""), (503, 0, b""), (200, 3600, b"")]
    wire.run(3300_000)
    assert len(pbx.subscribed) == 4 and {message.call_id for message in pbx.subscribed} == {pbx.subscribed[0].call_id}
    assert watch.state == "active" and states(bell) == ["subscribing", "active", "failed", "active"]
    # Nobody answers any more: it ends, and begins anew when the server is back
    wire.drop = lambda data, to: to == PBX
    wire.run(8000_000)
    assert watch.state == "failed" or watch.state == "subscribing"
    wire.drop = None
    wire.run(400_000)
    assert watch.state == "active" and pbx.subscribed[-1].call_id != pbx.subscribed[0].call_id


def test_a_question_brings_one_document_and_leaves_nothing():
    for state in (b"terminated;reason=timeout", b"active"):
        wire, pbx, bell, watch = watching(expires=0)
        pbx.state = state
        watch.start(wire.now)
        wire.run(100)
        assert pbx.subscribed[0].header(b"expires") == b"0" and opens(bell) == [True]
        assert states(bell) == ["subscribing", "over"] and not bell.endpoint.usages
        wire.run(3600_000)
        assert len(pbx.subscribed) == 1
    wire, pbx, bell, watch = watching(expires=0)
    pbx.answers = [(500, 0, b"")]
    watch.start(wire.now)
    wire.run(100_000)
    assert states(bell) == ["subscribing", "over"] and watch.status == 500 and len(pbx.subscribed) == 1


def test_stopping_at_every_moment_ends_it():
    for moment in (0, 5, 15, 25, 35, 45, 100):
        for early in (False, True):
            wire, pbx, bell, watch = watching()
            pbx.early = early
            watch.start(wire.now)
            wire.run(moment)
            watch.stop(wire.now)
            watch.stop(wire.now)
            wire.run(1000)
            assert watch.state == "over" and not watch.alive, moment
            assert [m.header(b"expires") for m in pbx.subscribed] == [b"3600", b"0"], moment
            wire.run(40_000)
            assert not bell.endpoint.usages and bell.at_rest()
    wire, pbx, bell, watch = watching()
    wire.drop = lambda data, to: True
    watch.start(wire.now)
    wire.run(10_000)
    watch.stop(wire.now)
    wire.run(30_000)
    assert watch.state == "over"
    wire, pbx, bell, watch = active()
    wire.drop = lambda data, to: True
    watch.stop(wire.now)
    wire.run(33_000)
    assert watch.state == "over" and not bell.endpoint.usages


def test_a_challenge_is_answered_in_and_out_of_the_dialog():
    wire, pbx, _bell, watch = watching(credentials=("bell", "secret"))
    ask = b'Proxy-Authenticate: Digest realm="pbx", nonce="n%", algorithm=MD5, qop="auth"'
    pbx.answers = [(407, 0, ask), (200, 3600, b""), (407, 0, ask.replace(b"%", b"2, stale=true")), (200, 3600, b"")]
    watch.start(wire.now)
    wire.run(3600_000)
    assert watch.state == "active" and len(pbx.subscribed) == 4
    assert [bool(m.header(b"proxy-authorization")) for m in pbx.subscribed] == [False, True, True, True]
    wire, pbx, _bell, watch = watching(credentials=("bell", "wrong"))
    pbx.answers = [(407, 0, ask)]
    watch.start(wire.now)
    wire.run(100_000)
    assert len(pbx.subscribed) == 2 and watch.state == "failed" and watch.status == 407


def test_pending_until_somebody_allows_it():
    wire, pbx, bell, watch = watching()
    pbx.answers, pbx.state, pbx.body = [(202, 3600, b"")], b"pending;expires=3600", b""
    watch.start(wire.now)
    wire.run(100)
    assert watch.state == "pending" and documents(bell) == []
    pbx.notify(b"active;expires=3000", OPEN)
    wire.run(100)
    assert states(bell) == ["subscribing", "pending", "active"] and opens(bell) == [True]


def test_a_flood_of_notifys_is_taken_without_remembering_it():
    wire, pbx, bell, _watch = active()
    for i in range(200):
        pbx.notify(b"active", CLOSED if i % 2 else OPEN)
        if i % 10 == 9:
            wire.run(10)
    wire.run(100)
    assert len(pbx.statuses) == 201 and set(pbx.statuses) == {200}
    wire.run(40_000)
    assert not bell.endpoint.transactions and len(bell.endpoint.usages) == 1


class Lamp(Reader):
    """Documents about calls, of every branch."""

    accept = dialog_info.TYPE
    forks = True

    def __init__(self):
        self.calls = {}

    def read(self, key, kind, body):
        calls = self.calls.get(key) or dialog_info.Calls()
        if not calls.update(body):
            return None
        self.calls[key] = calls
        return dialog_info.info(self.calls.values())

    def forget(self, key):
        self.calls.pop(key, None)
        return dialog_info.info(self.calls.values()) if self.calls else None


def lamp(state, version=0, kind=b"full"):
    dialog = dialog_info.Dialog(b"1", state, b"recipient", b"", b"", b"", b"", b"")
    return dialog_info.write(b"sip:desk@10.0.0.9", version, [dialog]).replace(b"full", kind)


def lamps(bell):
    return [document.lamp for document in documents(bell)]


def test_every_branch_of_a_forked_subscription_counts_up_to_a_bound():
    wire, pbx, bell, watch = watching(reader=Lamp(), event=b"dialog")
    pbx.silent = True
    watch.start(wire.now)
    wire.run(100)
    for i in range(EARLY_DIALOGS + 3):
        tag = b"branch" + str(i).encode()
        state = b"confirmed" if i == 1 else b"terminated"
        pbx.notify(b"active", lamp(state), dialog_info.TYPE, tag=tag, event=b"dialog")
        wire.run(100)
    assert pbx.statuses == [200] * EARLY_DIALOGS + [481] * 3
    assert lamps(bell) == ["idle", "busy", "busy", "busy"] and states(bell) == ["subscribing", "active"]
    pbx.notify(b"terminated;reason=noresource", tag=b"branch1", event=b"dialog")
    wire.run(100)
    assert lamps(bell)[-1] == "idle" and watch.state == "active"
    # Each is refreshed in its own dialog
    wire.run(3500_000)
    assert {m.to_tag for m in pbx.subscribed[1:]} == {b"branch0", b"branch2", b"branch3"}
    before = len(pbx.subscribed)
    watch.stop(wire.now)
    wire.run(100)
    assert [m.header(b"expires") for m in pbx.subscribed[before:]] == [b"0"] * 3
    wire.run(40_000)
    assert not bell.endpoint.usages and states(bell)[-1] == "over"


def test_a_second_branch_is_not_waited_for_longer_than_it_may_come():
    wire, pbx, bell, watch = watching(reader=Lamp(), event=b"dialog")
    pbx.silent = True
    watch.start(wire.now)
    wire.run(100)
    pbx.notify(b"active;expires=3600", lamp(b"early"), dialog_info.TYPE, event=b"dialog")
    wire.run(100)
    assert len(bell.endpoint.usages) == 2
    wire.run(33_000)
    assert len(bell.endpoint.usages) == 1 and watch.state == "active"
    pbx.notify(b"active", lamp(b"early"), dialog_info.TYPE, tag=b"late", event=b"dialog")
    wire.run(100)
    assert pbx.statuses == [200, 481]


def test_presence_takes_no_second_branch():
    wire, pbx, bell, _watch = active()
    pbx.notify(b"active", CLOSED, tag=b"fork")
    wire.run(100)
    assert pbx.statuses == [200, 481] and opens(bell) == [True]


def test_a_missed_part_makes_us_ask_for_the_whole_but_not_without_end():
    wire, pbx, bell, watch = watching(reader=Lamp(), event=b"dialog")
    pbx.silent = True
    watch.start(wire.now)
    wire.run(100)
    pbx.notify(b"active", lamp(b"early", 0), dialog_info.TYPE, event=b"dialog")
    wire.run(100)
    for i in range(100):
        pbx.notify(b"active", lamp(b"confirmed", 5 + 2 * i, b"partial"), dialog_info.TYPE, event=b"dialog")
        wire.run(100)
    assert lamps(bell) == ["ringing"] and 1 <= len(pbx.subscribed) <= 4
    wire.run(10_000)
    assert 2 <= len(pbx.subscribed) <= 4
    pbx.notify(b"active", lamp(b"confirmed", 300), dialog_info.TYPE, event=b"dialog")
    wire.run(100)
    assert lamps(bell)[-1] == "busy"


def test_a_target_that_is_none_starts_nothing():
    wire, _pbx, bell, _ = watching()
    for target in (b"tel:123", b"sip:", b"sip:a b@c", b"desk"):
        try:
            Subscription(bell.endpoint, target, ME, b"presence", 60, Reader()).start(wire.now)
            raise AssertionError(target)
        except RemoteError as error:
            assert error.status in (400, 416)
    assert not bell.endpoint.usages and not bell.sent
