# siplet/restart: the pause before a board starts anew doubles with each failure in a row, and power or a long life ends
# that.

import sys


class Reset(Exception):
    """What machine.reset() is here."""


class Machine:
    kept = b"\x00\xff anything that power left"
    has_memory = True

    class RTC:
        def memory(self, *data):
            if not Machine.has_memory:
                raise OSError(22)
            if data:
                Machine.kept = bytes(data[0])
            return Machine.kept

    @staticmethod
    def reset():
        raise Reset


class Stdin:
    """typed: what nobody has read yet."""

    POLLIN = 1

    def __init__(self, typed):
        self.typed = typed
        self.stdin = self.buffer = self

    def poll(self, *ms):
        return self if not ms else [1] if self.typed else []

    def register(self, stream, flags):
        assert stream is self and flags == self.POLLIN

    def read(self, count):
        assert count == 1
        byte, self.typed = self.typed[:1], self.typed[1:]
        return byte


class Clock:
    now_ms = 5000
    slept = []

    def now(self):
        return self.now_ms

    def print_exception(self, error):
        self.told = error

    def sleep(self, seconds):
        self.slept.append(seconds)


def load():
    former = sys.modules.get("machine")
    sys.modules["machine"] = Machine
    try:
        from siplet import restart
    finally:
        sys.modules.pop("machine")
        if former:
            sys.modules["machine"] = former
    clock = Clock()
    clock.slept = []
    restart.machine = Machine
    restart.platform = restart.time = clock
    restart.log = lambda line: None
    return restart, clock


def fail(restart):
    try:
        restart.run(ValueError("a fault"))
    except Reset:
        return
    raise AssertionError("no reset")


def test_each_failure_in_a_row_doubles_the_pause_to_a_limit():
    restart, clock = load()
    for _ in range(9):
        fail(restart)
    assert clock.slept == [5, 10, 20, 40, 80, 160, 320, 320, 320] and str(clock.told) == "a fault"
    clock.now_ms = 700000  # it ran for more than ten minutes this time
    fail(restart)
    clock.now_ms = 5000
    fail(restart)
    assert clock.slept[-2:] == [5, 10]
    Machine.kept = b""  # power came back
    fail(restart)
    assert clock.slept[-1] == 5


def test_without_such_a_memory_the_pause_stays():
    restart, clock = load()
    Machine.has_memory = False
    try:
        fail(restart)
        fail(restart)
    finally:
        Machine.has_memory = True
    assert clock.slept == [5, 5]


def test_a_web_installer_that_interrupted_the_application_is_given_a_board_that_listens():
    restart, _ = load()
    for typed, left, begins in (
        (b"IMPROV\x01\x02\x00\xe5\n", b"\x02\x00\xe5\n", True),
        (b"", b"", False),
        (b"\r\r\x01print(1)\x04", b"\r\x01print(1)\x04", False),  # mpremote
        (b"IMPROVE", b"", False),
    ):
        restart.sys = restart.select = stdin = Stdin(typed)
        try:
            restart.run()
            assert not begins
        except Reset:
            assert begins
        assert stdin.typed == left
