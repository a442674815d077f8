# Checks of what hangs on pins: relay, button, lamp. Imports checking, network.

from siplet_tools.board.checking import Verdict
from siplet_tools.board.checks import network

_HOLD_MS, _FLASH_MS = 500, 150  # of the relay, so that it can be heard; of the lamp

_MAKE = """
def _():
    global _b
    from board import Board
    _b = Board(_c)
"""

# Off again whatever happens: the door must not stay open
_SWITCH = """
def _(name, pin, times, ms):
    import machine, time
    switch = getattr(_b, name)()
    level = machine.Pin(pin).value
    seen = [level()]
    try:
        for i in range(times):
            switch.on()
            seen.append(level())
            time.sleep_ms(ms)
            switch.off()
            seen.append(level())
            time.sleep_ms(ms if i + 1 < times else 0)
    finally:
        switch.off()
    return seen
"""


def make(session):
    """The Board of the board's own board.py, as _b there; Trouble when its pins cannot be what they are to be."""
    network.load(session)
    if "board" not in session.loaded:
        session.answer(_MAKE)
        session.loaded.add("board")


def relay(session):
    yield from _switch(session, "relay", 1, _HOLD_MS, "Did the relay click, twice?", "it clicks", "half a second")


def led(session):
    yield from _switch(session, "led", 3, _FLASH_MS, "Did the lamp flash three times?", "it flashes", "three flashes")


def _switch(session, name, times, ms, question, seen, how):
    yield from session.require("config")
    network.load(session)
    pin, low = session.get(f"board.{name}_pin", -1), bool(session.get(f"board.{name}_active_low"))
    if pin < 0:
        yield Verdict("note", "not configured", f"siplet provision set board.{name}_pin=NUMBER")
        return
    make(session)
    if session.options.ask:
        session.options.tell(f"{name} on, {how}")
    levels = session.answer(_SWITCH, name, pin, times, ms)
    wanted = [int(low), *[int(not low), int(low)] * times]
    values = {"pin": pin, "levels": levels}
    if levels != wanted:
        stuck = "low" if not any(levels) else "high" if all(levels) else "at the wrong level"
        yield Verdict(
            "failed",
            f"pin {pin} was set {'low' if low else 'high'} for on, and stays {stuck}",
            f"something holds pin {pin}: a short circuit, or another part at the same pin (board.{name}_pin)",
            values,
        )
    elif not session.options.ask:
        yield Verdict("ok", f"pin {pin} switches", values=values)
        yield Verdict("skipped", f"whether {seen}: nobody is asked (--no-ask)")
    elif session.options.ask(question):
        yield Verdict("ok", f"pin {pin} switches, and {seen}", values=values)
    else:
        yield Verdict(
            "failed",
            f"pin {pin} switches, but nothing is seen or heard of it",
            f"the wire to pin {pin}, ground and the module's supply (many want 5 V); board.{name}_active_low, when it "
            "is on while its input is low",
            values,
        )


_REST = """
def _(pin):
    import machine, time
    button = _b.button('bell')  # which sets the pull-up
    time.sleep_ms(20)
    return machine.Pin(pin).value()
"""

_PRESS = """
def _(ms):
    import asyncio
    return asyncio.run(_b.button('bell').pressed(ms))
"""


def button(session):
    yield from session.require("config")
    network.load(session)
    pin, options = session.get("board.bell_pin", -1), session.options
    if pin < 0:
        yield Verdict("note", "not configured", "siplet provision set board.bell_pin=NUMBER")
        return
    if not options.ask:
        yield Verdict("skipped", "nobody is asked to press it (--no-ask)")
        return
    make(session)
    values = {"pin": pin}
    if not session.answer(_REST, pin):
        yield Verdict(
            "failed",
            f"pin {pin} is low before anybody presses it",
            "the button is stuck or made to open when pressed, or the wire touches ground; board.bell_pin",
            values,
        )
        return
    options.tell(f"press the bell button now, within {options.press_s:g} s")
    if session.answer(_PRESS, int(options.press_s * 1000), limit_s=options.press_s + 5):
        yield Verdict("ok", f"pressed, at pin {pin}", values=values)
    else:
        yield Verdict(
            "failed",
            f"nothing came at pin {pin} within {options.press_s:g} s",
            f"the button connects pin {pin} to ground; ESP32's pins 34 to 39 want a resistor to 3.3 V; board.bell_pin",
            values,
        )
