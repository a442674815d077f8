# Waiting for a condition with a time limit: what calls and the phone share. May import platform and ticks.

import asyncio

from siplet import platform
from siplet.ticks import ticks_add, ticks_diff


class Waiting:
    """Something whose state changes, and tasks that wait for it. Many may wait; each looks for itself.

    more: the module of siplet with the methods that are not always loaded.
    """

    more = ""

    def __init__(self):
        self._changed = asyncio.Event()

    def __getattr__(self, name):
        # What few applications use are functions of a module, loaded with the first one; they get this object first
        if name[0] == "_":
            raise AttributeError(name)
        function = getattr(__import__("siplet." + self.more, None, None, (self.more,)), name)
        return lambda *arguments, **names: function(self, *arguments, **names)

    def notify(self):
        """The state has changed: let everybody who waits look again."""
        changed = self._changed
        self._changed = asyncio.Event()  # a used one stays set, for who begins to wait for it at this moment
        changed.set()

    async def until(self, condition, timeout_ms=None):
        """Wait until condition() is true; its value, or False when timeout_ms (None: for ever) is over first."""
        deadline = None if timeout_ms is None else ticks_add(platform.now(), timeout_ms)
        left = timeout_ms
        while True:
            value = condition()
            if value:
                return value
            if deadline is not None:
                left = ticks_diff(deadline, platform.now())
                if left <= 0:
                    return False
            await platform.wait(self._changed, left)
