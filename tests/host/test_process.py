# Programs that tests and the demo start: what they fork is ended with them.

import os

from siplet_tools.process import Process, wait_until


def alive(pid):
    """Whether that process runs; a dead one that nobody has asked for yet does not."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # no Linux, or ended this very moment
        return not os.path.exists("/proc")


def test_what_a_program_forked_is_ended_with_it(tmp_path):
    # A shell that does not listen when it is asked to end, and leaves a child behind when it is killed
    script = "trap '' TERM; sleep 60 & echo child $!; wait; wait"
    with Process("stubborn", ["sh", "-c", script], tmp_path) as process:
        wait_until(lambda: "child" in process.output(), 5, "child", process)
        child = int(process.output().split()[-1])
        assert alive(child)
        process.stop(timeout_s=0.2)
        wait_until(lambda: not alive(child), 5, "the child's end")
    assert not process.running
