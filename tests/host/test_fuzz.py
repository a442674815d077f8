"""Whatever bytes come: the properties that every part which reads the network must have, tried by hypothesis.

The same examples each time; FUZZ=10 tries ten times as many, and other ones. What it finds is shrunk to the smallest
message that does it. A mutator of our own does this on MicroPython, too: tests/flow/test_mutator.py.
"""

import os
import re

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from mutator import WORDS
from siplet import dialog_info, mwi, pidf, sdp
from siplet.errors import LocalError, RemoteError
from siplet.limits import MESSAGE, TRANSACTIONS
from siplet.net import dns
from siplet.offer import Negotiation
from siplet.sip import header, info
from siplet.sip.auth import Credentials
from siplet.sip.builder import Builder
from siplet.sip.framing import Framer
from siplet.sip.message import Message
from siplet.sip.uri import Uri
from siplet.sip.uri_equal import equal, escape, unescape
from storm import BELL, STRANGER, Storm
from torture import load, verdicts

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TIMES = int(os.environ.get("FUZZ", "1"))
set_hypothesis_home_dir(os.path.join(ROOT, "build", "hypothesis"))  # what it keeps from run to run
settings.register_profile(
    "siplet",
    max_examples=100 * TIMES,
    deadline=None,
    derandomize=TIMES == 1,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("siplet")

SOURCE = ("192.0.2.1", 5060)

# -- what messages are made of

word = st.sampled_from(WORDS)
junk = st.one_of(st.binary(max_size=12), st.text(max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass")))
punctuation = st.sampled_from(
    [b'"', b"<", b">", b";", b",", b":", b"@", b"=", b"\\", b" ", b"\t", b"\r\n ", b"%", b"[", b"]"]
)
digits = st.one_of(st.integers(-2, 2**70), st.sampled_from([0, 5060, 65535, 65536, 2**31, 2**32])).map(
    lambda n: b"%d" % n
)
pieces = st.lists(st.one_of(word, junk, punctuation, digits), max_size=8).map(b"".join)
host = st.sampled_from(
    [b"10.0.0.2", b"pbx.example", b"[2001:db8::1]", b"[::ffff:192.0.2.1]", b"[", b"a_b", b"", b"\xff"]
)
uri = st.one_of(
    st.builds(
        lambda scheme, user, host, port, rest: scheme + user + host + port + rest,
        st.sampled_from([b"sip:", b"sips:", b"SIP:", b"tel:", b"", b"x:"]),
        st.sampled_from([b"", b"desk@", b"a:b@", b"a;b=c@", b"%00@", b"@", b"\xc3\xa9@"]),
        host,
        st.one_of(st.just(b""), digits.map(lambda n: b":" + n)),
        st.sampled_from(
            [b"", b";lr", b";transport=tcp", b";maddr=[::1]", b"?a=b&c=%41", b";;", b';x="', b";method=BYE"]
        ),
    ),
    pieces,
)
address = st.builds(
    lambda name, uri, rest: name + uri + rest,
    st.sampled_from([b"", b"Bob <", b'"B, \\" <" <', b"<", b'"', b"B\xc3\xb6b<"]),
    uri,
    st.sampled_from([b"", b">", b">;tag=1", b";tag=", b'>;tag="x', b">, <sip:b@c>", b"> ; a = b ;c"]),
)
via = st.builds(
    lambda start, host, rest: start + host + rest,
    st.sampled_from([b"SIP/2.0/UDP ", b"SIP / 2.0 / TCP\r\n ", b"SIP/7.0/X ", b"SIP/2.0/UDP", b""]),
    host,
    st.sampled_from([b"", b":5060", b":99999", b";branch=z9hG4bKx;rport", b";;,", b";received=[::1];rport=", b" x"]),
)
value = {
    b"Via": via,
    b"From": address,
    b"To": address,
    b"Contact": st.one_of(address, st.just(b"*")),
    b"Route": address,
    b"Record-Route": address,
    b"CSeq": st.builds(lambda n, method: n + b" " + method, digits, st.sampled_from([b"INVITE", b"BYE", b"ACK", b""])),
    b"Max-Forwards": digits,
    b"Content-Length": digits,
}
names = st.sampled_from(
    list(value) + [b"Call-ID", b"v", b"l", b"t ", b"Require", b"X", b"", b"Expires", b"Event", b"i"]
)
line = names.flatmap(lambda name: st.one_of(value.get(name, pieces), pieces).map(lambda text: name + b": " + text))
methods = [b"INVITE", b"ACK", b"BYE", b"CANCEL", b"OPTIONS", b"INFO", b"REFER", b"NOTIFY", b"SUBSCRIBE", b"MESSAGE"]
methods += [b"UPDATE", b"PRACK", b"PUBLISH", b"REGISTER", b"DANCE"]
start = st.one_of(
    st.builds(lambda method, uri: method + b" " + uri + b" SIP/2.0", st.sampled_from(methods), uri),
    st.builds(lambda status: b"SIP/2.0 %d X" % status, st.integers(99, 701)),
    pieces,
)
VECTORS = [load(name, rfc) for rfc in ("rfc4475", "rfc5118") for name, _, _ in verdicts(rfc)]
vector = st.integers(0, len(VECTORS) - 1).map(VECTORS.__getitem__)
good = [
    b"Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKgood;rport",
    b"From: <sip:x@10.0.0.9>;tag=f",
    b"To: <sip:desk@10.0.0.2>",
    b"Call-ID: good",
    b"CSeq: 7 INVITE",
    b"Contact: <sip:x@10.0.0.9>",
    b"Max-Forwards: 70",
]
# A good one of which some lines are gone, others are put in, and whose body is any
made = st.builds(
    lambda start, keep, lines, body: (
        b"\r\n".join([start] + [g for g, k in zip(good, keep) if k] + lines) + b"\r\n\r\n" + body
    ),
    start,
    st.lists(st.integers(0, 9).map(bool), min_size=len(good), max_size=len(good)),
    st.lists(line, max_size=6),
    st.one_of(st.just(b""), pieces, st.binary(max_size=40)),
)


@st.composite
def damaged(draw, messages):
    """One of these messages with some of its bytes changed, taken out or put in."""
    data = bytearray(draw(messages))
    for _ in range(draw(st.integers(0, 4))):
        if data:
            i = draw(st.integers(0, len(data)))
            data[i : i + draw(st.integers(0, 6))] = draw(st.one_of(word, junk, punctuation, digits))
    return bytes(data)


message = st.one_of(damaged(made), damaged(vector))


def refused(function, *arguments):
    """What function(*arguments) gives, the RemoteError that it raises; anything else goes through."""
    try:
        return function(*arguments)
    except RemoteError as error:
        assert error.status in (0, 400, 416, 480, 481, 488, 489, 500, 505, 415, 513), error
        return error


# -- the parts


@given(message)
def test_a_message_is_dropped_or_refused_or_answered(data):
    m = refused(Message, data)
    if isinstance(m, RemoteError):
        assert m.status == 0
        return
    error = refused(m.check)
    if m.status:
        assert not isinstance(error, RemoteError) or error.status == 0
        return
    for name in ("via", "branch", "from_tag", "to_tag", "call_id", "cseq", "cseq_method", "body", "sent_by", "port"):
        refused(getattr, m, name)
    for name in (b"contact", b"route", b"require", b"x"):
        refused(m.headers, name)
    builder = Builder(MESSAGE + 1024)
    try:
        builder.reply(m, 400, SOURCE, b"tag")
        answer = Message(bytes(builder.end()))
    except (RemoteError, LocalError):
        assert isinstance(error, RemoteError) or len(data) > MESSAGE - 700
        return
    assert answer.status == 400
    for name in (b"call-id", b"cseq", b"from"):
        assert answer.header(name) == m.header(name)
    if not isinstance(error, RemoteError):
        answer.check()
        assert answer.to_tag == m.to_tag or (answer.to_tag == b"tag" and not m.to_tag)
        assert answer.branch == m.branch and answer.cseq == m.cseq and answer.cseq_method == m.method


@given(st.lists(st.tuples(st.sampled_from([b"X", b"Subject", b"Alert-Info"]), pieces), max_size=6), uri, pieces)
def test_what_is_built_is_what_was_asked_for_and_no_line_more(headers, target, body):
    builder = Builder()
    try:
        builder.request(b"MESSAGE", target)
        for name, text in headers:
            builder.header(name, text)
        builder.body(b"text/plain", body)
        data = bytes(builder.end())
    except LocalError:
        assert not target or b" " in target or any(b"\r" in t or b"\n" in t for t in [target] + [t for _, t in headers])
        return
    head, _, rest = data.partition(b"\r\n\r\n")
    assert rest == body and head.count(b"\r\n") == len(headers) + 2 == head.count(b"\n") == head.count(b"\r")
    m = refused(Message, data)
    if not isinstance(m, RemoteError):
        assert m.uri == target and m.body == body
        for name, text in headers:
            assert text.strip(b" \t") in m.lines(name.lower())


@given(st.one_of(uri, damaged(uri)), uri)
@example(b"sip:[2001:db8::10]:5070", b"sip:a@b")
def test_a_uri_is_refused_or_taken_apart(text, other):
    u = refused(Uri, text)
    if isinstance(u, RemoteError):
        return
    assert u.text == text and u.scheme in (b"sip", b"sips") and u.host
    assert 0 <= u.port <= 65535 and len(u.scheme) < u.params <= u.end <= len(text)
    assert re.fullmatch(rb"[\w.-]+|\[[\w:.]+\]", u.host)
    assert u.user in text and b"@" not in u.user
    destination = refused(u.destination)
    if not isinstance(destination, RemoteError):
        assert "[" not in destination[0] and destination[1] <= 65535
    assert unescape(escape(u.user)) == u.user
    assert equal(u, u)
    v = refused(Uri, other)
    if not isinstance(v, RemoteError):
        assert equal(u, v) == equal(v, u)


@given(pieces)
def test_the_value_of_a_header_is_refused_or_read(text):
    for read in (header.split, header.uri_of, header.unquote, lambda v: header.integer(v, 3600)):
        refused(read, text)
    for name in (b"tag", b"x", b""):
        refused(header.param, text, name)
    values = refused(header.split, text)
    if isinstance(values, list):
        assert all(each and each == each.strip(b" \t\r\n") for each in values)
        assert header.split(b", ".join(values)) == values
    assert info.parse(b"application/dtmf-relay", text) in list("0123456789*#ABCD") + [None]


# -- what stands in bodies

sdp_line = st.one_of(
    st.sampled_from([
        b"v=0", b"o=- 1 1 IN IP4 10.0.0.1", b"s=-", b"t=0 0", b"c=IN IP4 10.0.0.1", b"c=IN IP6 ::1",
        b"c=IN IP4 0.0.0.0", b"m=audio 4000 RTP/AVP 8 0 101", b"m=audio 0 RTP/AVP 8", b"m=video 4002 RTP/AVP 96",
        b"a=sendonly", b"a=inactive", b"a=rtpmap:101 telephone-event/8000", b"a=rtpmap:8 PCMA/8000/1",
        b"a=rtpmap:96 PCMU/8000", b"a=ptime:20", b"a=fmtp:101 0-15", b"m=audio 4000/2 RTP/AVP 8", b"",
    ]),
    st.builds(lambda kind, text: kind + text, st.sampled_from([b"m=", b"a=", b"c=", b"o=", b"a=rtpmap:"]), pieces),
    pieces,
)  # fmt: skip
description = st.builds(
    lambda lines, end: end.join([b"v=0"] + lines) + end,
    st.lists(sdp_line, max_size=14),
    st.sampled_from([b"\r\n", b"\n"]),
)


@given(st.one_of(description, damaged(description), pieces))
def test_a_description_is_refused_or_answered_line_for_line(offer):
    media = refused(sdp.parse, offer)
    if isinstance(media, RemoteError):
        return
    for each in media:
        assert each.kind and each.formats and 0 <= each.port <= 65535 and 0 <= each.direction <= 3
    us = Negotiation("10.0.0.2", 40000)
    answer = refused(us.answer, offer)
    if isinstance(answer, RemoteError):
        assert answer.status == 488 and us.agreed is None
        return
    said = sdp.parse(answer)
    assert len(said) == len(media) and [each.kind for each in said] == [each.kind for each in media]
    assert sum(each.port > 0 for each in said) == 1
    agreed = us.agreed
    assert agreed.codec in (b"PCMA", b"PCMU") and 0 <= agreed.payload_type < 128 and 10 <= agreed.ptime <= 100
    # Our next offer keeps every line in its place, and so does what comes back
    refused(us.accept, offer)
    assert len(sdp.parse(us.offer())) == len(media)


markup = st.lists(
    st.sampled_from([
        b"<presence entity='pres:a@b'>", b"</presence>", b"<tuple id='1'>", b"</tuple>", b"<note>hi</note>",
        b"<status><basic>open</basic></status>", b"<dialog-info version='1' state='full' entity='sip:a'>",
        b"</dialog-info>", b"<dialog id='x'>", b"<state>confirmed</state>", b"</dialog>", b"<?xml version='1.0'?>",
        b"<!-- x", b"-->", b"<![CDATA[", b"]]>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&amp;", b"&#x41;", b"&b;",
        b"<a", b"'", b'"', b"/>", b"\xff", b"<a:b c='d'>", b"Messages-Waiting: yes\r\n", b"99999999999",
        b"Voice-Message: 2/8 (0/2)\r\n", b"Message-Account: sip:a@b\r\n",
    ]),
    max_size=16,
).map(b"".join)  # fmt: skip


@given(st.one_of(markup, damaged(markup)))
def test_a_document_is_refused_or_read(body):
    refused(pidf.read, body)
    refused(mwi.read, body)
    refused(dialog_info.Calls().update, body)


# -- passwords

challenge = st.builds(
    lambda scheme, fields: scheme + b" " + b", ".join(fields),
    st.sampled_from([b"Digest", b"digest", b"Basic", b"NTLM", b""]),
    st.lists(
        st.builds(
            lambda name, text: name + b"=" + text,
            st.sampled_from([b"realm", b"nonce", b"qop", b"algorithm", b"opaque", b"stale", b"\xff", b""]),
            st.one_of(
                st.sampled_from(
                    [b'"a"', b'"auth,auth-int"', b"MD5", b"SHA-256", b"true", b'"\\""', b'"' + b"x" * 700 + b'"']
                ),
                pieces,
            ),
        ),
        max_size=7,
    ),
)


@given(st.lists(challenge, max_size=5), st.sampled_from([401, 407]))
def test_a_challenge_is_passed_over_or_answered(challenges, status):
    name = b"\r\nWWW-Authenticate: " if status == 401 else b"\r\nProxy-Authenticate: "
    response = refused(Message, b"SIP/2.0 %d X" % status + b"".join(name + each for each in challenges) + b"\r\n\r\n")
    if isinstance(response, RemoteError):
        return
    credentials = Credentials("desk", 'se"cret', bytes)
    tried = []
    again = credentials.challenged(response, tried)
    assert again in (True, False) and len(credentials._realms) <= 4
    builder = Builder(MESSAGE + 1024)
    builder.request(b"REGISTER", b"sip:a")
    credentials.authorize(builder, b"REGISTER", b"sip:a", b"body")
    request = Message(bytes(builder.end()))
    answers = request.lines(b"authorization") + request.lines(b"proxy-authorization")
    assert len(answers) == len(credentials._realms) and all(b"secret" not in answer for answer in answers)
    for _ in range(9):  # whoever asks again and again gets tired of it before we do
        again = credentials.challenged(response, tried)
    assert not again


# -- the transport


@given(st.lists(st.one_of(message, st.sampled_from([b"\r\n", b"\r\n\r\n"])), max_size=4), st.lists(st.integers(1, 300)))
def test_a_stream_gives_the_same_messages_however_it_is_cut(messages, cuts):
    stream = b"".join(messages)

    def read(pieces):
        framer, found = Framer(), []
        try:
            for piece in pieces:
                framer.receive(piece)
                data = framer.next()
                while data is not None:
                    found.append(data)
                    data = framer.next()
            return found, framer.pings, ""
        except RemoteError as error:
            return found, framer.pings, error.text

    parts, i = [], 0
    for cut in cuts:
        parts.append(stream[i : i + cut])
        i += cut
    parts.append(stream[i:])
    whole = read([stream])
    assert read([part for part in parts if part]) == whole
    assert all(len(data) <= MESSAGE + 30 for data in whole[0])


@given(st.binary(max_size=300), st.sampled_from([dns.A, dns.AAAA, dns.SRV, dns.NAPTR]), st.booleans())
def test_the_answer_of_a_name_server_is_refused_or_read(data, kind, echo):
    question = dns.question(b"_sip._udp.example.org", kind)
    if echo:
        data = b"\1\2\x81\x80\0\1\0\2\0\0\0\0" + question + b"\xc0\x0c" + question[-4:] + data
    if dns.belongs(data, b"\1\2", question):
        refused(dns.read, data, question)


# -- the whole phone


class Life(RuleBasedStateMachine):
    """A phone that calls and is called while anything comes in; in the end it lives, and has forgotten all of it."""

    @initialize(seed=st.integers(1, 1000))
    def begin(self, seed):
        self.storm = Storm(seed)

    def _receive(self, data, source):
        storm = self.storm
        endpoint = storm.desk.endpoint
        endpoint.receive(data, source, storm.wire.now)
        storm._take(storm.desk)
        assert len(endpoint.transactions) < 4 * TRANSACTIONS and len(endpoint.sessions) < 3 * TRANSACTIONS

    @rule(data=message, source=st.sampled_from([BELL, STRANGER, (*STRANGER, b"TCP")]))
    def something_comes(self, data, source):
        self._receive(data, source)

    @precondition(lambda self: self.storm.recent)
    @rule(data=st.data())
    def something_like_what_just_came(self, data):
        was, source = data.draw(st.sampled_from(self.storm.recent))
        self._receive(data.draw(damaged(st.just(was))), source)

    @precondition(lambda self: self.storm.asked)
    @rule(data=st.data())
    def an_answer_comes(self, data):
        answer, source = self.storm._answer()
        self._receive(data.draw(damaged(st.just(answer))), source)

    @rule(data=st.data())
    def a_request_comes_in_a_call(self, data):
        self._receive(data.draw(damaged(st.just(self.storm._unusual()))), BELL)

    @rule(times=st.integers(1, 4))
    def life_goes_on(self, times):
        for _ in range(times):
            self.storm._live()
            self.storm.wire.run(60)
            self.storm._take(self.storm.desk)
            self.storm._take(self.storm.bell)

    @rule(ms=st.sampled_from([1, 500, 4000, 33000, 200000]))
    def time_passes(self, ms):
        self.storm.wire.run(ms)
        self.storm._take(self.storm.desk)
        self.storm._take(self.storm.bell)

    def teardown(self):
        if hasattr(self, "storm"):
            self.storm.calm()


TestLife = Life.TestCase
TestLife.settings = settings(settings.get_profile("siplet"), max_examples=40 * TIMES, stateful_step_count=25)
