# The four transaction machines against the clocks of RFC 3261 section 17.1 and 17.2 (RFC 6026), over wrapping ticks.

from siplet.sip.builder import Builder
from siplet.sip.message import Message
from siplet.sip.transaction import Transaction
from siplet.ticks import ticks_add, ticks_diff

START = 2**30 - 700  # the ticks wrap during every story
PEER = ("10.0.0.2", 5060)


class Desk:
    """An endpoint and a usage in one: notes what is sent and what is told, with the ms since the start."""

    def __init__(self):
        self.endpoint = self
        self.builder = Builder()
        self.now = START
        self.sent = []
        self.told = []

    def ms(self):
        return ticks_diff(self.now, START)

    def send(self, data, destination):
        self.sent.append((self.ms(), bytes(data).split(b"\r\n")[0]))

    def on_response(self, transaction, status, response, now):
        self.told.append((self.ms(), status, response is None))

    def on_ack(self, request, now):
        self.told.append((self.ms(), "ack", False))

    def times(self):
        return [ms for ms, _ in self.sent]

    def run(self, transaction, ms):
        """Let the transaction's deadlines pass, one after the other, until `ms` after the start."""
        end = ticks_add(START, ms)
        while True:
            due = None
            for timer in (transaction.retransmit, transaction.deadline):
                if timer is not None and (due is None or ticks_diff(timer, due) < 0):
                    due = timer
            if due is None or not transaction.alive or ticks_diff(due, end) > 0:
                self.now = end
                return
            self.now = due
            transaction.on_time(due)


def head(method, status=0, to=b"<sip:b@10.0.0.2>", branch=b"z9hG4bKx"):
    first = b"SIP/2.0 " + str(status).encode() + b" X" if status else method + b" sip:b@10.0.0.2 SIP/2.0"
    return b"\r\n".join(
        (
            first,
            b"Via: SIP/2.0/UDP 10.0.0.1;branch=" + branch,
            b"Max-Forwards: 70",
            b"From: <sip:a@10.0.0.1>;tag=a",
            b"To: " + to,
            b"Call-ID: c",
            b"CSeq: 7 " + (b"INVITE" if method == b"ACK" else method),
            b"Route: <sip:10.0.0.9;lr>",
            b"Content-Length: 0",
            b"",
            b"",
        )
    )


def client(method):
    desk = Desk()
    transaction = Transaction(desk, PEER)
    transaction.start_client(method, b"z9hG4bKx", head(method), desk.now)
    return desk, transaction


def server(method):
    desk = Desk()
    transaction = Transaction(desk, PEER)
    transaction.start_server(Message(head(method)))
    return desk, transaction


def hear(desk, transaction, status, at):
    desk.run(transaction, at)
    transaction.on_response(Message(head(transaction.method, status, b"<sip:b@10.0.0.2>;tag=b")), desk.now)


def again(desk, transaction, at, method=None):
    desk.run(transaction, at)
    transaction.on_request(Message(head(method or transaction.request.method)), desk.now)


def respond(desk, transaction, status, at):
    desk.run(transaction, at)
    transaction.respond(status, head(transaction.request.method, status), desk.now)


def test_invite_client_timer_a_doubles_and_timer_b_ends():
    desk, transaction = client(b"INVITE")
    desk.run(transaction, 60_000)
    assert desk.times() == [0, 500, 1500, 3500, 7500, 15500, 31500]
    assert desk.told == [(32000, 408, True)] and not transaction.alive


def test_invite_client_rings_for_ever_after_a_provisional_response():
    desk, transaction = client(b"INVITE")
    hear(desk, transaction, 180, 700)
    desk.run(transaction, 600_000)
    assert desk.times() == [0, 500] and desk.told == [(700, 180, False)] and transaction.alive


def test_invite_client_acknowledges_each_refusal_for_32_s():
    desk, transaction = client(b"INVITE")
    hear(desk, transaction, 486, 100)
    hear(desk, transaction, 486, 20_000)
    assert desk.sent[1:] == [(100, b"ACK sip:b@10.0.0.2 SIP/2.0"), (20_000, b"ACK sip:b@10.0.0.2 SIP/2.0")]
    assert desk.told == [(100, 486, False)]  # once
    desk.run(transaction, 32_099)
    assert transaction.alive
    desk.run(transaction, 32_200)
    assert not transaction.alive  # timer D


def test_the_ack_of_a_refusal_is_made_from_the_invite_and_its_answer():
    desk, transaction = client(b"INVITE")
    kept = []
    desk.send = lambda data, destination: kept.append((bytes(data), destination))
    hear(desk, transaction, 486, 100)
    ack, destination = kept[0]
    ack = Message(ack)
    ack.check()
    assert destination == PEER and ack.uri == b"sip:b@10.0.0.2" and ack.branch == b"z9hG4bKx"
    assert ack.to_tag == b"b" and ack.from_tag == b"a" and ack.call_id == b"c"
    assert ack.cseq == 7 and ack.cseq_method == b"ACK" and ack.headers(b"route") == [b"<sip:10.0.0.9;lr>"]


def test_invite_client_passes_every_2xx_for_64_t1():
    desk, transaction = client(b"INVITE")
    hear(desk, transaction, 200, 100)
    hear(desk, transaction, 200, 600)
    assert [what[1] for what in desk.told] == [200, 200] and desk.times() == [0]
    hear(desk, transaction, 486, 700)  # nothing else counts any more
    assert len(desk.told) == 2
    desk.run(transaction, 32_200)
    assert not transaction.alive  # timer M


def test_other_client_timer_e_grows_to_t2_and_timer_f_ends():
    desk, transaction = client(b"REGISTER")
    desk.run(transaction, 60_000)
    assert desk.times() == [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]
    assert desk.told == [(32000, 408, True)]


def test_other_client_repeats_at_t2_after_a_provisional_response():
    desk, transaction = client(b"INFO")
    hear(desk, transaction, 100, 100)
    hear(desk, transaction, 200, 9000)
    assert desk.times() == [0, 4100, 8100]
    hear(desk, transaction, 200, 9100)
    assert [what[1] for what in desk.told] == [100, 200]
    desk.run(transaction, 13_900)
    assert transaction.alive
    desk.run(transaction, 14_100)
    assert not transaction.alive  # timer K


def test_a_transport_error_is_503():
    for method in (b"INVITE", b"BYE"):
        desk, transaction = client(method)
        transaction.on_error(desk.now)
        assert desk.told == [(0, 503, True)] and not transaction.alive


def test_invite_server_repeats_its_refusal_until_the_ack():
    desk, transaction = server(b"INVITE")
    respond(desk, transaction, 180, 0)
    again(desk, transaction, 500)  # the INVITE again: the 180 again
    respond(desk, transaction, 486, 1000)
    desk.run(transaction, 14_000)
    assert desk.times() == [0, 500, 1000, 1500, 2500, 4500, 8500, 12500]  # timer G, at most T2
    again(desk, transaction, 14_100)
    again(desk, transaction, 14_200, b"ACK")
    again(desk, transaction, 14_300)  # confirmed: absorbed
    desk.run(transaction, 19_100)
    assert desk.times()[8:] == [14_100] and transaction.alive
    desk.run(transaction, 19_300)
    assert not transaction.alive and not desk.told  # timer I


def test_invite_server_gives_up_when_no_ack_comes():
    desk, transaction = server(b"INVITE")
    respond(desk, transaction, 603, 0)
    desk.run(transaction, 40_000)
    assert not desk.told and not transaction.alive  # timer H


def test_invite_server_after_a_2xx_absorbs_requests_and_lets_the_usage_repeat():
    desk, transaction = server(b"INVITE")
    respond(desk, transaction, 200, 100)
    again(desk, transaction, 200)
    respond(desk, transaction, 200, 600)
    respond(desk, transaction, 486, 700)  # too late for another word
    again(desk, transaction, 800, b"ACK")
    assert desk.times() == [100, 600] and desk.told == [(800, "ack", False)]
    desk.run(transaction, 32_200)
    assert not transaction.alive  # timer L


def test_other_server_repeats_its_answer_for_timer_j():
    desk, transaction = server(b"BYE")
    again(desk, transaction, 100)  # no answer yet: nothing to repeat
    respond(desk, transaction, 100, 200)
    again(desk, transaction, 300)
    respond(desk, transaction, 200, 400)
    again(desk, transaction, 20_000)
    respond(desk, transaction, 500, 20_100)  # the first final answer stands
    assert desk.sent[-1] == (20_000, b"SIP/2.0 200 X") and desk.times() == [200, 300, 400, 20_000]
    desk.run(transaction, 32_500)
    assert not transaction.alive


def test_requests_find_their_transaction_by_branch_sent_by_and_method():
    _, transaction = server(b"INVITE")
    same = Message(head(b"INVITE"))
    assert transaction.serves(same, b"INVITE")
    assert not transaction.serves(same, b"BYE")
    assert not transaction.serves(Message(head(b"INVITE", branch=b"z9hG4bKy")), b"INVITE")
    assert not transaction.serves(Message(head(b"INVITE").replace(b"UDP 10.0.0.1", b"UDP 10.0.0.7")), b"INVITE")
    assert not transaction.serves(Message(head(b"INVITE").replace(b"10.0.0.1;br", b"10.0.0.1:5070;br")), b"INVITE")


def test_an_old_client_without_the_cookie_is_known_by_the_rest():
    desk = Desk()
    transaction = Transaction(desk, PEER)
    old = head(b"INVITE", branch=b"1")
    transaction.start_server(Message(old))
    assert transaction.serves(Message(old), b"INVITE")
    assert not transaction.serves(Message(old.replace(b"Call-ID: c", b"Call-ID: d")), b"INVITE")
    assert not transaction.serves(Message(old.replace(b"CSeq: 7", b"CSeq: 8")), b"INVITE")
