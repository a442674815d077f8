# siplet monitor: what a board says, as it says it. Imports board, wire, ladder, console, click.

import re
import sys
import time

import click

from siplet_tools import console
from siplet_tools.commands import Seconds

# What a line of the log means to who watches: the first that fits
_COLOURS = (
    (re.compile(r"(?i)traceback|error|fail|refused|cannot|rst:0x|guru|panic|lost"), "red"),
    (re.compile(r"(?i)registered|ready|talking|relay on|connected"), "green"),
    (re.compile(r"(?i)warn|plain|no |wrong|retry|again"), "yellow"),
    (re.compile(r"(?i)pressed|ringing|incoming|call"), "cyan"),
)
_BARE = 5
_HINT = "no SIP yet: the board tells it once it has log.sip = console (siplet provision set log.sip=console)"


@click.command(
    epilog="\b\nExamples:\n  siplet monitor\n  siplet monitor --pcap door.pcap      SIP as a capture for Wireshark"
    "\n  siplet monitor --for 10 --save door.log"
)
@click.option("-p", "--port", help="The board's serial port; needed when there are several.")
@click.option("--pcap", metavar="FILE", help="Its SIP, and RTP when log.sip says so, as a capture.")
@click.option("--save", metavar="FILE", help="All that it says, as it is: siplet doctor reads it. Holds secrets.")
@click.option("-m", "--messages", is_flag=True, help="The SIP messages themselves below their arrows, without secrets.")
@click.option("--no-ladder", is_flag=True, help="The log alone.")
@click.option("--reset", is_flag=True, help="Start the board anew first.")
@click.option("--for", "seconds", type=Seconds(0), metavar="S", help="Stop after that many seconds.")
@click.option(
    "--until", metavar="TEXT", help="Stop after a line with this text; exit status 1 when --for is over first."
)
def command(port, pcap, save, messages, no_ladder, reset, seconds, until):
    """Shows the board's log with the time, a ladder of its SIP, and where in the source an exception came from.

    The application on the board goes on; when the board resets, or comes back on another port, so does this.
    Ctrl-C ends it.
    """
    from siplet_tools.board import ports
    from siplet_tools.board.serial_line import SerialLine

    port = ports.choose(port)
    with SerialLine(port, told=lambda text: console.verdict("note", text)) as line:
        console.say(f"{line.port}: the board's log; Ctrl-C ends this", colour="bright_black")
        watch = Watch(pcap, save, messages, not no_ladder)
        try:
            if reset and not line.restart():
                console.verdict("note", f"{line.port}: the board does not let itself be restarted: press RESET")
            return watch.run(line, seconds, until)
        except KeyboardInterrupt:
            return 0
        finally:
            watch.close()


class Watch:
    """What is shown and what is saved of a board's line."""

    def __init__(self, pcap=None, save=None, messages=False, ladder=True, clock=time.time):
        from siplet_tools.board.output import Output, Tap
        from siplet_tools.board.sources import Sources
        from siplet_tools.ladder import Ladder
        from siplet_tools.wire.capture import Writer

        self._clock = clock
        self._output = Output()
        self._sources = Sources()
        unicode = "utf" in (sys.stdout.encoding or "").lower()
        colour = sys.stdout.isatty()
        self._ladder = Ladder("board", colour=colour, plain=not unicode) if ladder else None
        self._messages = messages
        self._tap = Tap(clock)
        self._pcap = Writer(pcap) if pcap else None
        self._save = _open_save(save) if save else None
        self.records = self.packets = 0
        self._hinted = not ladder and not pcap
        self._bare = 0  # how often its ROM found nothing to start

    def run(self, line, seconds=None, until=None):
        """Reads until the time is over or the text came; the exit status."""
        start = time.monotonic()
        while seconds is None or time.monotonic() - start < seconds:
            data = line.read()
            if data is None:
                self._output.lost()
            elif self.take(data, until):
                return 0
            if not self._hinted and not self.records and time.monotonic() - start > 15:
                self._hinted = True
                console.verdict("note", _HINT)
        rest = self._output.rest()
        if rest:
            self._line(None, rest)
        return 1 if until else 0

    def take(self, data, until=None):
        """Shows what has come; whether a line of the log had the text `until`."""
        if self._save:
            self._save.write(data)
            self._save.flush()
        for entry in self._output.feed(data):
            if hasattr(entry, "text"):
                self._line(entry.ticks, entry.text)
                if until and until in entry.text:
                    return True
            else:
                self._message(entry)
        return False

    def _line(self, ticks, text):
        explained = self._sources.explain(text)
        if explained:
            for line in explained:
                console.say(line, colour="red")
            return
        if "invalid header: 0x" in text:
            self._bare += 1
            if self._bare == _BARE:
                console.verdict("note", "there is no MicroPython on this board: siplet flash")
            if self._bare >= _BARE:
                return  # it says so for ever
        now = time.strftime("%H:%M:%S", time.localtime(self._clock()))
        board = f"{ticks / 1000:9.3f}" if ticks is not None else " " * 9
        colour = next((colour for mark, colour in _COLOURS if mark.search(text)), None)
        console.say(f"{now} {board}  {text}", colour=colour)

    def _message(self, record):
        from siplet_tools import ladder
        from siplet_tools.board.output import Rtp

        if self._pcap:
            for packet in self._tap.packets(record):
                self._pcap.add(packet)
        if isinstance(record, Rtp):
            self.packets += 1
            return
        self.records += 1
        if self._ladder:
            for line in self._ladder.message(record):
                click.echo(line.rstrip())
            if self._messages:
                click.echo("    " + ladder.masked(record.data).rstrip().replace("\n", "\n    ") + "\n")

    def close(self):
        """Closes the files, and says what is in them."""
        if self._pcap:
            for packet in self._tap.rest():
                self._pcap.add(packet)
            self._pcap.close()
        if self._save:
            self._save.close()
        if self._pcap:
            console.verdict("ok", f"{self._pcap.path}: {self._pcap.count} packets")


def _open_save(path):
    from siplet_tools import private
    from siplet_tools.errors import USAGE, ToolError

    try:
        return open(path, "wb", opener=private.opener)
    except OSError as error:
        raise ToolError(f"{path}: cannot be written ({error.strerror})", USAGE) from None
