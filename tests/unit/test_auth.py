# Digest authentication: the examples of RFC 2617 and RFC 7616 to the last digit, and what becomes of wrong passwords,
# stale nonces, several realms and several algorithms.

from binascii import a2b_base64, hexlify
from hashlib import sha256

from siplet.sip.auth import Credentials
from siplet.sip.builder import Builder
from siplet.sip.header import split
from siplet.sip.md5 import md5
from siplet.sip.message import Message

RFC2617 = (
    b'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    b'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
RFC7616 = (
    b'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%s, '
    b'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def challenge(*lines, code=401):
    name = b"\r\nProxy-Authenticate: " if code == 407 else b"\r\nWWW-Authenticate: "
    return Message(b"SIP/2.0 " + str(code).encode() + b" No" + b"".join(name + line for line in lines) + b"\r\n\r\n")


def digest(realm=b"pbx", nonce=b"n1", more=b""):
    return b'Digest realm="' + realm + b'", nonce="' + nonce + b'"' + more


def credentials(cnonce=b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", user="Mufasa", password="Circle of Life"):
    return Credentials(user, password, lambda n: a2b_base64(cnonce))


def answers(me, method=b"REGISTER", uri=b"sip:pbx", body=b"", proxy=False):
    """The fields of every Authorization that is written into a request, as dicts of raw values."""
    builder = Builder()
    builder.request(method, uri)
    me.authorize(builder, method, uri, body)
    found = []
    for line in Message(bytes(builder.end())).lines(b"proxy-authorization" if proxy else b"authorization"):
        assert line.startswith(b"Digest ")
        found.append(dict(item.split(b"=", 1) for item in split(line[7:])))
    return found


def test_the_example_of_rfc_2617():
    me = credentials(b"0a4f113b", password="Circle Of Life")
    assert me.challenged(challenge(RFC2617), [])
    assert answers(me, b"GET", b"/dir/index.html") == [
        {
            b"username": b'"Mufasa"',
            b"realm": b'"testrealm@host.com"',
            b"nonce": b'"dcd98b7102dd2f0e8b11d0f600bfb0c093"',
            b"uri": b'"/dir/index.html"',
            b"response": b'"6629fae49393a05397450978507c4ef1"',
            b"algorithm": b"MD5",
            b"qop": b"auth",
            b"nc": b"00000001",
            b"cnonce": b'"0a4f113b"',
            b"opaque": b'"5ccc069c403ebaf9f0171e9517f40e41"',
        }
    ]


def test_the_examples_of_rfc_7616():
    for algorithm, response in (
        (b"MD5", b'"8ca523f5e9506fed4657c9700eebdbec"'),
        (b"SHA-256", b'"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"'),
    ):
        me = credentials()
        assert me.challenged(challenge(RFC7616.replace(b"%s", algorithm)), [])
        answer = answers(me, b"GET", b"/dir/index.html")[0]
        assert answer[b"response"] == response and answer[b"algorithm"] == algorithm


def test_without_qop_it_is_the_digest_of_rfc_2069():
    me = credentials(password="Circle Of Life")
    assert me.challenged(challenge(RFC2617.replace(b'qop="auth,auth-int", ', b"")), [])
    answer = answers(me, b"GET", b"/dir/index.html")[0]
    assert answer[b"response"] == b'"670fd8c2df070c60b045671b8b24ff02"'
    assert b"qop" not in answer and b"nc" not in answer and b"cnonce" not in answer


def test_auth_int_covers_the_body_when_nothing_else_is_offered():
    me = credentials(b"0a4f113b")
    assert me.challenged(challenge(digest(more=b', qop="auth-int", algorithm=SHA-256')), [])
    answer = answers(me, b"INVITE", b"sip:100@pbx", b"v=0\r\n")[0]

    def h(data):
        return hexlify(sha256(data).digest())

    inner = h(b"INVITE:sip:100@pbx:" + h(b"v=0\r\n"))
    outer = h(h(b"Mufasa:pbx:Circle of Life") + b":n1:00000001:0a4f113b:auth-int:" + inner)
    assert answer[b"response"] == b'"' + outer + b'"' and answer[b"qop"] == b"auth-int"


def test_later_requests_carry_it_at_once_and_the_nonce_count_goes_up():
    me = credentials()
    assert answers(me) == []
    assert me.challenged(challenge(digest(more=b", qop=auth")), [])
    counts = [answers(me)[0][b"nc"] for _ in range(17)]
    assert counts[0] == b"00000001" and counts[16] == b"00000011"
    # A new nonce is counted from one again
    assert me.challenged(challenge(digest(nonce=b"n2", more=b", qop=auth")), [])
    assert answers(me)[0][b"nc"] == b"00000001"


def test_a_wrong_password_is_tried_once():
    me = credentials()
    tried = []
    assert me.challenged(challenge(digest()), tried)
    assert not me.challenged(challenge(digest(nonce=b"n2")), tried)
    # What was refused is not sent along with the next request, which is asked anew
    assert answers(me) == []
    assert me.challenged(challenge(digest(nonce=b"n3")), [])


def test_a_stale_nonce_is_no_wrong_password_but_not_for_ever():
    me = credentials()
    tried = []
    assert me.challenged(challenge(digest()), tried)
    assert me.challenged(challenge(digest(nonce=b"n2", more=b", stale=TRUE")), tried)
    assert answers(me)[0][b"nonce"] == b'"n2"'
    assert me.challenged(challenge(digest(nonce=b"n3", more=b', stale="true"')), tried)
    assert not me.challenged(challenge(digest(nonce=b"n4", more=b", stale=true")), tried)
    assert not me.challenged(challenge(digest(nonce=b"n5", more=b", stale=false")), tried)


def test_a_proxy_and_a_registrar_ask_apart():
    me = credentials()
    tried = []
    assert me.challenged(challenge(digest(b"proxy"), code=407), tried)
    assert answers(me) == [] and answers(me, proxy=True)[0][b"realm"] == b'"proxy"'
    assert me.challenged(challenge(digest(b"pbx")), tried)
    assert answers(me)[0][b"realm"] == b'"pbx"' and answers(me, proxy=True)[0][b"realm"] == b'"proxy"'
    # The same realm at both: two logins, not one that was refused
    assert me.challenged(challenge(digest(b"pbx"), code=407), tried)
    assert len(answers(me, proxy=True)) == 2


def test_two_realms_in_one_response_are_answered_both():
    me = credentials()
    tried = []
    assert me.challenged(challenge(digest(b"one"), digest(b"two", b"n2"), code=407), tried)
    assert [answer[b"realm"] for answer in answers(me, proxy=True)] == [b'"one"', b'"two"']
    # One of them says no: the request is lost, whatever the other one says
    assert not me.challenged(challenge(digest(b"one"), digest(b"three"), code=407), tried)


def test_the_first_algorithm_that_we_know_is_taken():
    for lines, expected in (
        ((b"SHA-256", b"MD5"), b"SHA-256"),
        ((b"MD5", b"SHA-256"), b"MD5"),
        ((b"SHA-512-256", b"MD5-sess", b"sha-256", b"MD5"), b"SHA-256"),
    ):
        me = credentials()
        assert me.challenged(challenge(*(digest(more=b", algorithm=" + line) for line in lines)), [])
        found = answers(me)
        assert len(found) == 1 and found[0][b"algorithm"] == expected


def test_what_cannot_be_answered_is_left_alone():
    for line in (
        b"NoOneKnowsThisScheme opaque-data=here",
        b'Basic realm="pbx"',
        digest(more=b", algorithm=SHA-512-256"),
        digest(more=b', qop="auth-conf"'),
        b'Digest realm="pbx"',
        b'Digest nonce="n1"',
        b"Digest",
        b"",
        b'Digest realm="pbx, nonce="n1"',
        b'Digest realm="pbx",, nonce="n1"',
        b"Digest " + b"a=b," * 600,
    ):
        me = credentials()
        assert not me.challenged(challenge(line), []), line
        assert answers(me) == []
        # and does not stand in the way of one that can
        assert me.challenged(challenge(line, digest(b"other")), []), line
    assert not credentials().challenged(challenge(), [])


def test_a_far_end_with_ever_new_realms_takes_no_memory():
    me = credentials()
    for i in range(50):
        assert me.challenged(challenge(digest(b"realm" + str(i).encode())), [])
    assert len(answers(me)) == 4


def test_realm_and_nonce_go_back_as_they_came():
    me = credentials()
    assert me.challenged(challenge(b'Digest realm="a \\"b\\", c", nonce="x\\\\y=", opaque=""'), [])
    answer = answers(me)[0]
    assert answer[b"realm"] == b'"a \\"b\\", c"' and answer[b"nonce"] == b'"x\\\\y="' and answer[b"opaque"] == b'""'
    secret = hexlify(md5(b'Mufasa:a \\"b\\", c:Circle of Life'))
    response = hexlify(md5(secret + b":x\\\\y=:" + hexlify(md5(b"REGISTER:sip:pbx"))))
    assert answer[b"response"] == b'"' + response + b'"'


def test_a_user_name_cannot_break_out_of_its_quotes():
    me = credentials(user='a"b\\c', password="ü")
    assert me.challenged(challenge(digest()), [])
    assert answers(me)[0][b"username"] == b'"a\\"b\\\\c"'


def test_the_password_is_shown_nowhere():
    me = credentials(password="geheim")
    me.challenged(challenge(digest()), [])
    assert "geheim" not in repr(me) and "geheim" not in str(me)
    builder = Builder()
    builder.request(b"REGISTER", b"sip:pbx")
    me.authorize(builder, b"REGISTER", b"sip:pbx")
    assert b"geheim" not in bytes(builder.end())


def test_a_proxy_that_asks_in_a_new_realm_each_time_is_given_up():
    me = credentials()
    tried = []
    rounds = 0
    while me.challenged(challenge(digest(b"realm" + str(rounds).encode()), code=407), tried):
        rounds += 1
        assert rounds < 20
    assert rounds >= 4  # as many as there may be proxies on the way


def test_a_challenge_of_a_kilobyte_is_left_alone():
    me = credentials()
    assert not me.challenged(challenge(digest(nonce=b"n" * 1000)), [])
    assert me.challenged(challenge(digest(nonce=b"n" * 500)), [])
