"""Calls that SIPp sends on to other places: to a siplet, and past one that is not there to a PJSIP."""

import pjsua
from driver import INDOOR, need
from siplet_tools.process import free_ports


def test_a_call_is_sent_on_and_taken_by_a_siplet(puppet, sipp):
    indoor, door = puppet(user="indoor"), puppet()
    moved = sipp("moved", first=f"sip:indoor@127.0.0.1:{indoor.port}", second="sip:x@127.0.0.1:9")
    call = door.do("call", target=moved.uri)["call"]
    theirs = indoor.event("incoming")["call"]
    indoor.do("answer", call=theirs)
    door.event("up", call=call)
    indoor.event("up", call=theirs)
    moved.verdict()
    door.do("hangup", call=call)
    assert door.event("ended")["how"] == "local" and indoor.event("ended")["how"] == "remote"


def test_the_next_place_is_called_when_the_first_is_busy(puppet, sipp, started, tmp_path):
    need(pjsua.missing())
    desk = started(pjsua.Pjsua(tmp_path / "pjsua", says=INDOOR))
    indoor, door = puppet(user="indoor"), puppet()
    moved = sipp("moved", first=f"sip:indoor@127.0.0.1:{indoor.port}", second=desk.uri)
    call = door.do("call", target=moved.uri)["call"]
    indoor.do("reject", call=indoor.event("incoming")["call"], status=486)
    theirs = desk.incoming()
    desk.answer(theirs)
    door.event("up", call=call)
    desk.up(theirs)
    moved.verdict()
    door.do("hangup", call=call)
    assert door.event("ended")["how"] == "local"


def test_who_declines_for_everybody_ends_it(puppet, sipp):
    indoor, door = puppet(user="indoor"), puppet()
    moved = sipp("moved", first=f"sip:indoor@127.0.0.1:{indoor.port}", second=f"sip:x@127.0.0.1:{free_ports()}")
    call = door.do("call", target=moved.uri)["call"]
    indoor.do("reject", call=indoor.event("incoming")["call"], status=603)
    failed = door.event("failed", call=call)
    moved.verdict()
    assert failed["status"] == 603, failed
