"""The door phone as a board gets it has no more heap than its budget: bench/doorphone.py, once."""

import os
import sys

import pytest
from driver import ROOT, need
from siplet_tools import compiler
from siplet_tools.process import ProcessError

sys.path.append(os.path.join(ROOT, "tests", "bench"))

import doorphone

BUILD = "build/test_small_heap"  # another one than make bench's, which may be at work


def test_the_door_phone_registers_talks_and_opens_twice_within_its_budget():
    need(doorphone.missing())
    compiler.compile_board("x64", BUILD, "unix")
    with (
        doorphone.house() as (server, indoor),
        doorphone.door_phone(server, indoor, heap=doorphone.BUDGET, build=BUILD) as door,
    ):
        try:
            used = doorphone.work(door, indoor, calls=2)
        except (OSError, ProcessError) as error:
            pytest.fail(f"{error}\n{door.process.output()}", pytrace=False)
        assert used["registered"] < used["in a call"] < doorphone.BUDGET
