# The demo ends what it started, whatever else fails on the way.

import asyncio
from types import SimpleNamespace

import pytest
from siplet_tools import demo


class Indoors:
    name, target, port = "indoor phone", "sip:indoor@127.0.0.1:5062", 5062

    def __init__(self, out):
        pass

    async def start(self):
        pass

    async def close(self):
        raise asyncio.CancelledError


async def test_the_door_phone_is_ended_though_the_other_one_does_not_close(tmp_path, monkeypatch):
    stopped = []
    door = SimpleNamespace(trace=tmp_path / "trace", said=list, stop=lambda: stopped.append(True))

    async def play(door, indoors, show):
        raise demo.DemoError("the indoor phone did not ring")

    monkeypatch.setattr(demo, "SipletIndoors", Indoors)
    monkeypatch.setattr(demo, "DoorPhone", lambda *given: door)
    monkeypatch.setattr(demo, "play", play)
    with pytest.raises(asyncio.CancelledError):
        await demo.run("micropython", "siplet", str(tmp_path))
    assert stopped
