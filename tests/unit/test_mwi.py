# Message summaries as PBXs send them.

from expect import status
from siplet.limits import SUMMARY_LINES
from siplet.mwi import read


def test_the_rfcs_examples():
    summary = read(
        b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 2/8 (0/2)\r\n"
    )
    assert summary == (True, "sip:alice@vmail.example.com", {"voice": (2, 8, 0, 2)})
    body = (
        b"Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 4/8 (1/2)\r\n\r\n"
        b"To: <alice@atlanta.example.com>\r\nFrom: <bob@biloxi.example.com>\r\nFax-Message: 99/99\r\n"
        b"Subject: carpool tomorrow?\r\nMessages-Waiting: no\r\n"
    )
    assert read(body) == (True, "sip:alice@vmail.example.com", {"voice": (4, 8, 1, 2)})


def test_what_asterisk_and_freeswitch_send():
    assert (
        read(b"Messages-Waiting: no\r\nMessage-Account: sip:*97@10.0.0.1\r\nVoice-Message: 0/0 (0/0)\r\n").waiting
        is False
    )
    summary = read(b"Messages-Waiting:  YES\nvoice-message:1/0\nFAX-MESSAGE : 3 / 4 ( 0 / 1 )\n")
    assert summary == (True, "", {"voice": (1, 0, 0, 0), "fax": (3, 4, 0, 1)})
    assert read(b"\r\nMessages-Waiting: yes\r\n").waiting is True


def test_numbers_that_are_none_count_as_none():
    for value in (b"", b"a/b", b"-1/2", b"1/", b"\xb2/5", b"999999999999/1", b"1/2/3/4/5/6"):
        counts = read(b"Messages-Waiting: yes\r\nVoice-Message: " + value + b"\r\n").counts["voice"]
        assert len(counts) == 4 and all(0 <= n < 1000 for n in counts)


def test_what_is_none_is_refused():
    for body in (b"", b"hello", b"Voice-Message: 1/1\r\n", b"x\r\n" * SUMMARY_LINES + b"Messages-Waiting: yes\r\n"):
        assert status(read, body) == 400
    assert read(b"Messages-Waiting: yes\r\n\xff-message: 1/1\r\nMessage-Account: \xff\r\n") == (True, "", {})
