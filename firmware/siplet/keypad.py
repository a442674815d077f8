# The code of a door as door stations take it: which keys make a try, which try is right, and who is locked out.
# May import platform and ticks.
#
# As many keys as the code has are one try, which counts at once; # or * (when not of the code) ends a shorter one, and
# means nothing after a whole one, so both "00" and "00#" open. A pause begins anew. Tries never overlap: keys that
# slide past the code would try ten thousand codes in ten thousand and three presses.

from siplet import platform
from siplet.ticks import ticks_add, ticks_diff


class Keypad:
    """code: str of the keys 0-9 * # A-D, "" for none that is right. Counts wrong tries until a right one.

    most_wrong in a row lock out every try, right ones too, for lockout_ms. Keep one Keypad for all calls: who guesses
    calls again.
    """

    def __init__(self, code, most_wrong, lockout_ms, now=platform.now):
        self._code = code
        self._most_wrong = most_wrong
        self._lockout_ms = lockout_ms
        self._now = now
        self._typed = ""
        self._until = None
        self.wrong = 0

    def press(self, key):
        """key: the one pressed, None for a pause. "right", "wrong" or "locked" when that ended a try, else None."""
        code = self._code
        ends = key == "#" or key == "*"
        if key is None or not code:
            self._typed = ""
        elif not ends or key in code:
            self._typed += key
            ends = len(self._typed) >= len(code)
        if not ends or not self._typed:
            return None
        typed = self._typed
        self._typed = ""
        return self._judge(typed == code)

    def _judge(self, right):
        if self._until is not None:
            if ticks_diff(self._now(), self._until) < 0:
                return "locked"
            self._until = None
            self.wrong = 0
        if right:
            self.wrong = 0
            return "right"
        self.wrong += 1
        if self.wrong >= self._most_wrong:
            self._until = ticks_add(self._now(), self._lockout_ms)
        return "wrong"
