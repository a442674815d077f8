# What requests beside calls cost in heap, from their bytes to the answer sent, what stays until nobody may repeat them
# included: exact counts, as test_call_garbage.py makes them.

NEEDS = ("heap_lock",)

import asyncio
import gc

from siplet import pidf
from siplet.sip.instant import Inbox
from siplet.sip.notifier import Notifier
from siplet.sip.subscribe import Subscription
from test_call_garbage import KILOBYTE, Callee, taken

ME = b"<sip:door@192.0.2.7>"
STATE = b"Event: presence\r\nSubscription-State: active;expires=600\r\n"
DOCUMENT = pidf.write("sip:100@192.0.2.20", True, "at my desk")


class Reader:
    """Documents as they come."""

    accept = pidf.TYPE
    forks = False

    def read(self, key, kind, body):
        return kind

    def forget(self, key):
        pass


def asked(callee, method, cseq, more=b"", body=b"", kind=b"text/plain", tag=b""):
    """A request of callee.message() with more headers."""
    data = callee.message(method, cseq, body, kind, tag)
    return data.replace(b"User-Agent", more + b"User-Agent")


def subscribed():
    callee = Callee()
    watch = Subscription(callee.endpoint, b"sip:100@192.0.2.20", ME, b"presence", 600, Reader())
    watch.start(0)
    tag = b";tag=" + watch.dialog.local_tag
    call_id = watch.dialog.call_id

    def notify(cseq, body=b""):
        data = asked(callee, b"NOTIFY", cseq, STATE, body, pidf.TYPE, tag)
        i = data.find(b"Call-ID: ") + 9
        return data[:i] + call_id + data[data.find(b"\r\n", i) :]

    callee.receive(notify(1))
    assert callee.status == 200 and watch.state == "active"
    return callee, notify


def test_a_notify_costs_less_than_a_kilobyte_its_document_apart():
    callee, notify = subscribed()
    for cseq, body in ((2, b""), (3, DOCUMENT), (4, b""), (5, DOCUMENT)):
        n = taken(callee, notify(cseq, body))
        assert callee.status == 200
    print("a NOTIFY with a document of", len(DOCUMENT), "bytes:", n, "bytes")
    assert 0 < n - 2 * len(DOCUMENT) <= KILOBYTE  # cut out of the message, and of the datagram that tests hold


def test_reading_a_presence_document_takes_a_few_times_its_length():
    list(pidf.elements(DOCUMENT))
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    pidf.read(DOCUMENT)
    n = gc.mem_alloc() - before
    gc.enable()
    print("a presence document of", len(DOCUMENT), "bytes, read:", n, "bytes")
    assert n <= 2 * KILOBYTE


def test_what_nobody_asked_for_costs_less_than_a_kilobyte():
    callee = Callee()
    for cseq in (1, 2, 3):
        n = taken(callee, asked(callee, b"NOTIFY", cseq, STATE))
        assert (callee.status == 481 and n <= KILOBYTE) or cseq == 1
    for cseq in (4, 5, 6):
        n = taken(callee, asked(callee, b"SUBSCRIBE", cseq, b"Event: presence\r\n"))
        assert (callee.status == 403 and n <= KILOBYTE) or cseq == 4
    print("a SUBSCRIBE, refused:", n, "bytes")


def test_a_text_is_answered_and_kept_within_a_kilobyte_and_a_half():
    callee = Callee()
    Inbox(callee.endpoint)
    for cseq in (1, 2, 3):
        n = taken(callee, asked(callee, b"MESSAGE", cseq, b"", b"ring the bell, please"))
        assert callee.status == 200
    print("a MESSAGE, answered, and its answer kept:", n, "bytes")
    assert n <= KILOBYTE + KILOBYTE // 2


async def test_a_watcher_costs_a_kilobyte_or_two():
    callee = Callee()
    packages = {b"presence": (pidf.TYPE, lambda version, calls: DOCUMENT)}
    Notifier(callee.endpoint, packages, lambda who, event: True, ME)
    for cseq in (1, 2):
        callee.calls += 1
        data = asked(callee, b"SUBSCRIBE", cseq, b"Event: presence\r\nExpires: 600\r\n")
        await asyncio.sleep(0)  # where the WebAssembly port collects
        gc.collect()
        before = gc.mem_alloc()
        callee.receive(data)
        await asyncio.sleep(0)
        gc.collect()
        n = gc.mem_alloc() - before
    print("a watcher, with its NOTIFY under way:", n, "bytes")
    assert 0 < n <= 3 * KILOBYTE
