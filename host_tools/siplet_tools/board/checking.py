# The self test of an attached board: small pieces of MicroPython run on it one by one, and become verdicts.
# Imports errors, link, settings, checks.
#
#     link.fresh()  ->  a piece, its answer, a verdict  ->  the next one ...  ->  link.restart()
#
# The application is interrupted as long as the checks last; the board is started anew at the end, whatever happened.
# When the cable is pulled nobody can do that, so a timer on the board resets it after a while.

import ast
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from siplet_tools.board import settings
from siplet_tools.board.link import BoardError, talks_on
from siplet_tools.errors import USAGE, ToolError

_MOST = 16384  # bytes of an answer
_MARK = "siplet-check "

# Defined on the board after each reset: what a piece returns or raises becomes one line. MicroPython's older versions
# run it as well. Timer 0 is nobody else's; a soft reset ends it.
_HEAD = """
import gc
gc.threshold(4096)  # as main.py does while modules are loaded: what stays lies close together
def _arm(ms):
    try:
        import machine
        machine.Timer(0).init(mode=machine.Timer.ONE_SHOT, period=ms, callback=lambda timer: machine.reset())
    except Exception:
        pass
def _tell(function, *arguments):
    gc.collect()
    try:
        answer = {'answer': function(*arguments)}
    except MemoryError:
        answer = {'memory': 1}
    except Exception as error:
        try:
            from siplet.errors import LocalError
        except Exception:
            LocalError = ()
        if isinstance(error, LocalError):
            answer = {'error': str(error)}
        else:
            answer = {'fault': type(error).__name__ + ' ' + str(error)}
    print(%r + repr(answer))
""" % ("\n" + _MARK)


@dataclass
class Verdict:
    """kind: "ok", "failed", "note" or "skipped"; text: what was seen; advice: what to do; values: numbers for a script.

    check: the name of the check.
    """

    kind: str
    text: str
    advice: str = ""
    values: dict = field(default_factory=dict)
    check: str = ""

    def as_dict(self):
        return {
            "check": self.check,
            "verdict": self.kind,
            "text": self.text,
            "advice": self.advice,
            "values": self.values,
        }


_NO_MEMORY = Verdict("failed", "the board's memory does not suffice", "siplet check --only heap tells what is left")


def _nothing(text):
    return contextlib.nullcontext()


@dataclass
class Options:
    """ask(text) -> bool: a question to who stands beside the board, None: nobody does. tell(text): what they shall do.
    busy(text): a context manager while something takes its time; progress(done, total): of the checks. wait_s: for a
    name or a registrar's answer; press_s: for the button; leave_s: after which the board resets when the host is gone.
    """

    ask: Callable = None
    tell: Callable = lambda text: None
    busy: Callable = _nothing
    progress: Callable = lambda done, total: None
    wait_s: float = 8
    press_s: float = 10
    leave_s: float = 300


class Trouble(Exception):
    """A piece did not do its work: verdict tells it."""

    def __init__(self, verdict):
        super().__init__(verdict.text)
        self.verdict = verdict


class Unmet(Exception):
    """A check needs what has failed before; name: of the check that told it."""

    def __init__(self, name):
        super().__init__(name)
        self.name = name


class Session:
    """A board's state over the checks: what is known of it, and what stands in its memory since the last reset."""

    def __init__(self, link, options, facts, siplet):
        self.link = link
        self.options = options
        self.facts = facts
        self.siplet = siplet  # whether it can be imported: True, False, or the text of what is wrong with it
        self.settings = None  # {key: value} of the configuration, without secrets
        self.results = {}  # {check: whether it was well}
        self.kept = {}  # what checks know of one another
        self.loaded = set()  # names that pieces have left on the board

    @classmethod
    def open(cls, link, options):
        """A fresh board, with the pieces' frame on it."""
        session = cls(link, options, None, False)
        session.fresh()
        session.facts = link.facts()
        found = session.answer(_FIND)
        session.siplet = found if isinstance(found, bool) else str(found)[:100]
        return session

    def fresh(self):
        """A soft reset, so that the whole heap is free."""
        self.link.fresh()
        self.link.run(_HEAD)
        self.loaded.clear()

    def answer(self, piece, *arguments, limit_s=10, busy=""):
        """What the function _ of a piece returns on the board, for literals as arguments. Trouble when it raises.

        limit_s: for all of it; ToolError when the board says nothing in that time.
        """
        # A session that nobody ended must not leave the door dead; a person may take this long for an answer
        leave_ms = int((limit_s + self.options.leave_s) * 1000)
        code = f"{piece}\n_arm({leave_ms})\n_tell({', '.join(['_', *map(repr, arguments)])})\n"
        with self.options.busy(busy) if busy else contextlib.nullcontext():
            told = _read(self.text(code, limit_s))
        if told is None:
            raise ToolError(f"{self.link.port}: the board answered something that nobody asked for; try again")
        if "answer" in told:
            return told["answer"]
        if "memory" in told:
            raise Trouble(_NO_MEMORY)
        if "error" in told:
            raise Trouble(explain(str(told["error"])[:300]))
        raise Trouble(
            Verdict(
                "failed",
                f"siplet on the board failed: {str(told.get('fault'))[:200]}",
                "siplet deploy puts this version of siplet onto it",
            )
        )

    def text(self, code, limit_s=10):
        """What code prints, bounded in time and size, str."""
        said = bytearray()
        deadline = time.monotonic() + limit_s + 2

        def take(data):
            said.extend(data)
            if len(said) > _MOST or time.monotonic() > deadline:
                raise talks_on(self.link.port)

        self.link.run(code, limit_s + 2, take)
        return said.replace(b"\x04", b"").decode("utf-8", "replace")

    def get(self, key, usual=None):
        """The configuration's value of a key; usual when this version of siplet on the board has no such key."""
        found = (self.settings or {}).get(key)
        return usual if found is None else found

    def run(self, name):
        """The Verdicts of one check, as they come."""
        from siplet_tools.board import checks

        self.results[name] = True
        try:
            for verdict in checks.TABLE[name].function(self):
                yield self._note(name, verdict)
        except Trouble as trouble:
            yield self._note(name, trouble.verdict)
        except Unmet as unmet:
            yield self._note(name, Verdict("skipped", f"not tried, because {unmet.name} is not well"))
        except BoardError as error:
            usual = Verdict("failed", str(error), "siplet deploy, then the same again")
            yield self._note(name, _NO_MEMORY if "MemoryError" in str(error) else usual)

    def _note(self, name, verdict):
        if verdict.kind == "failed":
            self.results[name] = False
        return verdict if verdict.check else replace(verdict, check=name)

    def require(self, name):
        """Runs a check that another one needs, unless it has; Unmet when it was not well. Yields its bad verdicts."""
        if name not in self.results:
            yield from [verdict for verdict in self.run(name) if verdict.kind == "failed"]
        if not self.results[name]:
            self.results[name] = False
            raise Unmet(name)


# True, False, or what is wrong with it
_FIND = """
def _():
    try:
        import siplet.errors
    except ImportError as error:
        return False
    except Exception as error:
        return str(error)
    return True
"""


def _read(text):
    # The dict of the last marked line
    for line in reversed(text.splitlines()):
        if line.startswith(_MARK):
            try:
                told = ast.literal_eval(line[len(_MARK) :])
            except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                return None
            return told if isinstance(told, dict) else None
    return None


def explain(line):
    """The Verdict for a LocalError's line: the first of the configuration's keys in it is what has to be set."""
    known = [key for key in re.findall(r"[a-z0-9]+\.[a-z0-9_]+", line) if key in settings.table()]
    advice = "siplet deploy, then the same again"
    if "no such key" in line or line.startswith(settings.PATH):
        advice = "siplet provision FILE.toml writes the configuration anew"
    elif known:
        advice = f"siplet provision set {known[0]}"
    return Verdict("failed", line, advice)


def names(only=()):
    """The names of the checks to run, in their order; ToolError for one that does not exist."""
    import difflib

    from siplet_tools.board import checks

    for name in only:
        if name not in checks.TABLE:
            near = difflib.get_close_matches(name, checks.TABLE, 1)
            hint = f"did you mean {near[0]}?" if near else "there are " + ", ".join(checks.TABLE)
            raise ToolError(f"no check {name}: {hint}", USAGE)
    return [name for name in checks.TABLE if not only or name in only]


def run(link, only=(), options=None):
    """Yields the Verdicts of a board as they come. only: names of checks; all, when empty. link: open; it is of no use
    afterwards, for the board starts anew. Close the generator when you leave early.
    """
    from siplet_tools.board import checks

    chosen, options = names(only), options or Options()
    try:
        session = Session.open(link, options)
        bare = []
        for i, name in enumerate(chosen):
            options.progress(i, len(chosen))
            if checks.TABLE[name].needs_siplet and session.siplet is not True:
                bare.append(name)
            elif name not in session.results:
                yield from session.run(name)
        if bare:
            kind = "skipped" if "versions" in chosen else "failed"
            yield Verdict(kind, f"{', '.join(bare)}: want siplet on the board", "siplet deploy", check="siplet")
    finally:
        leave(link)


def leave(link):
    """Ends what still runs on the board and starts it anew, if its cable is still there."""
    with contextlib.suppress(ToolError):
        link.enter()
        link.restart()
