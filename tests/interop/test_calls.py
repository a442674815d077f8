"""SIPp calls us: many calls in a row without a failure or a byte of heap, questions in and out of calls, and races."""

import pytest
from driver import DOOR
from siplet_tools.process import free_ports, wait_until
from siplet_tools.wav_file import read_wav


@pytest.fixture
def speech(tmp_path):
    """Raw mu-law, as SIPp sends it: the sound of door.wav without the header."""
    with open(DOOR, "rb") as file:
        data = file.read()
    path = tmp_path / "door.ul"
    path.write_bytes(data[data.index(b"data") + 8 :][: len(read_wav(DOOR))])
    return path


@pytest.mark.parametrize("complete", [False, True])
def test_two_hundred_calls_in_a_row_without_a_failure_or_a_byte_of_heap(puppet, sipp, speech, complete):
    phone = puppet(audio="loop", auto="answer", sound={"sound.complete": complete})
    port = free_ports()  # the same for all calls: the phone keeps the last few addresses that it sent to

    def ring(calls):
        done = phone.do("state")["count"] + calls
        sipp("calls", f"127.0.0.1:{phone.port}", calls=calls, ms=80, port=port, speech=speech, timeout_s=90).verdict()
        wait_until(lambda: phone.do("state")["count"] == done, 5, "end of the last call")
        return phone.heap()

    # Some garbage looks alive to a conservative collector, for a while: the least of three calls, one by one.
    ring(17)
    after_20 = min(ring(1) for _ in range(3))
    ring(177)
    after_200 = min(ring(1) for _ in range(3))
    state = phone.do("state")
    assert state["count"] == 200 and state["calls"] == 0 and state["faults"] == 0
    print(f"heap after 20 calls {after_20}, after 200 calls {after_200}")
    assert after_200 == after_20, f"{after_200 - after_20} bytes in 180 calls"


def test_sipp_speaks_and_the_echo_speaks_as_much(puppet, sipp, speech):
    phone = puppet(audio="loop", auto="answer")
    caller = sipp("calls", f"127.0.0.1:{phone.port}", ms=1500, speech=speech)
    wait_until(lambda: phone.do("state")["calls"], 3, "call")
    caller.verdict()
    wait_until(lambda: phone.do("state")["count"] == 1, 3, "end of the call")
    stats = phone.do("stats")
    assert stats["received"] > 60 and stats["sent"] > 60 and stats["lost"] == 0 and stats["bad"] == 0


def test_keys_come_by_info_in_both_forms(puppet, sipp):
    phone = puppet()
    caller = sipp("keys", f"127.0.0.1:{phone.port}")
    phone.do("answer", call=phone.event("incoming")["call"])
    assert phone.digits(2) == "4#"
    caller.verdict()
    assert phone.event("ended")["how"] == "remote"
    assert not phone.events("digit")


def test_options_are_answered_before_a_call_while_it_rings_and_after_it(puppet, sipp):
    phone = puppet()

    def ask():
        sipp("options", f"127.0.0.1:{phone.port}", calls=30, at_once=10).verdict()

    ask()
    caller = sipp("keys", f"127.0.0.1:{phone.port}")
    call = phone.event("incoming")["call"]
    ask()
    phone.do("answer", call=call)
    phone.event("ended", call=call)
    caller.verdict()
    ask()


def test_an_answer_that_crosses_our_cancel_is_acknowledged_and_hung_up(puppet, sipp):
    phone = puppet()
    callee = sipp("race")
    call = phone.do("call", target=callee.uri)["call"]
    wait_until(lambda: phone.do("state", call=call)["state"] == "ringing", 3, "ringing")
    phone.do("cancel", call=call)
    phone.event("cancelled", call=call)
    callee.verdict()
    assert phone.do("state")["calls"] == 0
