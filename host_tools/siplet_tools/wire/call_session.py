# One call of the host's phone while it lasts and what is found out about it: keys both ways, figures, what came back.
# Imports call_report, echo, measure; siplet's Call is handed in.

import asyncio
import re
import time
from dataclasses import asdict, dataclass

from siplet_tools.wire import measure
from siplet_tools.wire.call_report import Digits
from siplet_tools.wire.echo import find_echo

_LOOK_S = 0.25  # between looks at a call that goes on
_BEFORE_KEYS_S = 1.5  # the far end's application has to be listening
_BETWEEN_FORMS_S = 1.3  # phones take the same key in another form within a second for the same press
_ARRIVE_S = 2.5
_KEYS = 200  # that are listed; nobody types more
_DIGIT = re.compile(r"digit ([0-9*#A-D])$")
_CODE = re.compile(r"code (right|wrong|locked\S*)$")


@dataclass
class Live:
    """What is known while a call lasts. seconds of total (0: no end is planned); level: dBov or None."""

    seconds: float
    total: float
    received: int
    lost: int
    level: float


class Session:
    """A call that is up. audio: its call_audio.Kept; log: a board_log.BoardLog or None; dialled: its time then."""

    def __init__(self, call, audio, report, log=None, dialled=0):
        self.call, self.audio, self.report, self.log, self._dialled = call, audio, report, log, dialled
        self._start = time.monotonic()
        self._heard = []
        self._came = 0, self._start  # packets, and when there were more than before
        self._watch_keys()

    async def run(self, seconds, digits="", forms=(), stop=None, live=None):
        """Lasts `seconds` (0: until the far end hangs up, or `stop`, an asyncio.Event, is set), and until the keys are
        sent. live(Live): called about four times a second.
        """
        self._describe()
        keys = asyncio.create_task(self._send_keys(digits, forms)) if digits else None
        try:
            while self.call.state == "up" and not (stop and stop.is_set()):
                past = time.monotonic() - self._start
                self._look()
                if seconds and past >= seconds and (keys is None or keys.done()):
                    break
                if live:
                    live(self._live(past, seconds))
                rest = min(_LOOK_S, max(0.01, seconds - past)) if seconds else _LOOK_S
                await self.call.ended(timeout_ms=int(1000 * rest))
        finally:
            if keys:
                if not keys.done():
                    keys.cancel()
                await asyncio.wait([keys])
        self._look()
        report = self.report
        report.seconds = round(time.monotonic() - self._start, 2)
        if keys and not keys.cancelled() and keys.exception():
            raise keys.exception()
        agreed = self.call.line.agreed
        report.sound = agreed.direction if agreed else ""
        await self.call.hangup()
        report.how = self.call.how or "local"
        if report.how == "local" and stop and stop.is_set():
            report.how = "interrupted"
        report.status, report.reason = (self.call.status, self.call.reason) if report.how == "lost" else (200, "OK")
        if report.how == "remote" and seconds and report.seconds < seconds - 0.5:
            report.notes.append(f"the far end hung up after {report.seconds:.1f} s")

    def _describe(self):
        report, line = self.report, self.call.line
        report.remote = self.call.remote
        agreed = line.agreed
        if agreed:
            report.codec = agreed.codec.decode("ascii", "replace")
            report.sound = agreed.direction
        report.local = f"{self.call.phone.local_address}:{line.udp.port}" if hasattr(line, "udp") else ""
        report.encrypted = self.call.is_encrypted()

    def _look(self):
        # For how long no packet has come
        now = time.monotonic()
        came = self.call.stats.received if self.call.stats else 0
        if came > self._came[0]:
            self._came = came, now
        self.report.dry_s = round(max(self.report.dry_s, now - self._came[1]), 2)

    def _live(self, past, seconds):
        stats = self.call.stats
        return Live(past, seconds, stats.received if stats else 0, stats.lost if stats else 0, self.audio.level())

    # -- keys

    def _watch_keys(self):
        # Each telling of a press, and whether it was a new one: the call itself keeps only the latter
        call, heard = self.call, self._heard
        press = call.press

        def watched(digit, kind):
            before = len(call._keys)
            press(digit, kind)
            if len(call._keys) > before:
                call._keys.pop()  # nobody else fetches them
                if len(heard) < _KEYS:
                    heard.append({"digit": digit, "forms": [kind], "at": round(time.monotonic() - self._start, 2)})
            elif heard:
                same = [one for one in heard[-16:] if one["digit"] == digit and kind not in one["forms"]]
                if same:
                    same[0]["forms"].append(kind)
            call.notify()

        call.press = watched
        self.report.digits_heard = heard

    async def _send_keys(self, digits, forms):
        await asyncio.sleep(_BEFORE_KEYS_S)
        for number, form in enumerate(forms):
            if number:
                await asyncio.sleep(_BETWEEN_FORMS_S)
            sent = Digits(digits, form, False)
            self.report.digits_sent.append(sent)
            before = len(self._heard)
            start = self.log.now() if self.log else 0
            sent.accepted = bool(await self.call.send_digits(digits, form=form))
            if sent.accepted:
                await self._see_arrive(sent, start, before)

    async def _see_arrive(self, sent, start, before):
        # In the board's log, or as the keys that it sends back
        deadline = time.monotonic() + _ARRIVE_S
        settle = None
        while time.monotonic() < deadline and self.call.state == "up":
            said = self.log.since(start) if self.log else []
            arrived = "".join(match[1] for match in map(_DIGIT.search, said) if match)
            sent.codes = [match[0] for match in map(_CODE.search, said) if match]
            if arrived:
                sent.arrived, sent.told_by = arrived, "log"
            elif "".join(one["digit"] for one in self._heard[before:]) == sent.digits:
                sent.arrived, sent.told_by = sent.digits, "echo"  # other keys are somebody's own
            # All is here; a key that comes twice would come now
            if len(sent.arrived or "") >= len(sent.digits) or sent.codes:
                settle = settle or time.monotonic() + 0.3
                if time.monotonic() > settle:
                    return
            await asyncio.sleep(0.05)
        if (
            sent.arrived is None
            and self.log
            and not self.log.error
            and any(_DIGIT.search(text) for _, text in self.log.lines)
        ):
            sent.arrived, sent.told_by = "", "log"  # the log tells keys, and told none of these

    # -- afterwards

    def measure(self):
        """Fill the report with what the sound tells; takes a second or two."""
        report = self.report
        try:
            report.quality = dict(self.call.quality() or {})
        except Exception as error:  # the record is made as a call ends, and memory or a fault may have kept it away
            report.notes.append(f"no record of the call's quality: {error}")
        heard, said = self.audio.heard, self.audio.said
        report.digital_silence = measure.is_silent(heard)
        if not report.digital_silence:
            level, activity = measure.active_level(heard)
            report.level_dbov, report.activity = round(level, 1), round(activity, 2)
        report.clipped_percent = round(measure.clipped_percent(heard), 2)
        report.said = not measure.is_silent(said)
        if report.said and not report.digital_silence:
            echo = find_echo(said, heard)
            report.echo = asdict(echo) if echo else None
        report.notes += self.audio.notes()
        if self.audio.pauses:
            times = self.audio.pauses
            report.notes.append(f"this computer was too busy {times} times: jitter and delay look worse than they are")
        if self.audio.errors:
            report.notes.append("the recording is not complete: the disk refused to take it")
        if self.log:
            if self.log.error:
                report.notes.append(f"the board's log is not complete: {self.log.error}")
            report.said_by_board = [text[:200] for text in self.log.since(self._dialled)[:100]]
