# siplet doctor: what is wrong, in plain words. Imports wire, board, console, click.

import contextlib
import time

import click

from siplet_tools import console
from siplet_tools.commands import Seconds


@click.command(
    epilog="\b\nExamples:\n  siplet doctor door.pcap   a capture of Wireshark, tcpdump or siplet monitor"
    "\n  siplet doctor door.log    what siplet monitor --save wrote\n  siplet doctor --for 60    the board itself"
)
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("-p", "--port", help="The board's serial port; needed when there are several.")
@click.option(
    "--for",
    "seconds",
    type=Seconds(0, 86400),
    default=30.0,
    show_default=True,
    metavar="S",
    help="Listen to the board so long.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document for a script.")
def command(file, port, seconds, as_json):
    """Explains what is wrong in FILE, a capture, a board's saved log or its trace; without FILE, in a live board's.

    It knows the usual troubles: 401 loops, a wrong realm, private addresses in Contact or SDP, sound in one direction,
    keys in a form nobody listens to, a registration that runs out, OPTIONS unanswered. Exit status 1 when it found one.
    """
    from siplet_tools.errors import USAGE, ToolError
    from siplet_tools.wire import diagnosis, evidence

    console.json_mode(as_json)
    if file and port:
        raise ToolError("FILE or --port: one of them is what to look at", USAGE)
    # A capture of an hour takes its time
    reading = console.progress(f"reading {file}", unit="steps", lines=False) if file else contextlib.nullcontext()
    with reading:
        found = evidence.read(file) if file else _listen(port, seconds)
        findings = diagnosis.diagnose(found)
        seen = diagnosis.summary(found)
    if as_json:
        console.result({"seen": seen, "findings": [one.as_dict() for one in findings], "not_judged": found.unread})
    else:
        _show(found, findings, seen)
    return 1 if any(one.severity == "failed" for one in findings) else 0


def _show(found, findings, seen):
    lines = f", {seen['lines']} lines of a log" if seen["lines"] else ""
    console.say(
        f"{found.name}: {seen['messages']} SIP messages, {seen['calls']} calls, "
        f"{seen['registrations']} registrations, {seen['rtp']} RTP packets{lines} in {seen['seconds']} s",
        colour="bright_black",
    )
    for one in findings:
        console.verdict(one.severity, f"{one.at:8.3f} s  {one.text}", one.advice)
    for text in found.unread:
        console.verdict("skipped", text)
    if not findings:
        if seen["messages"] or seen["lines"]:
            console.verdict("ok", "none of the usual troubles is in there")
        else:
            console.verdict("skipped", "nothing was there to judge")


def _told(text):
    console.verdict("note", text)


class _Over(Exception):
    """The time is over, and the board's cable is not in."""


def _listen(port, seconds):
    from siplet_tools.board import ports
    from siplet_tools.board.serial_line import SerialLine
    from siplet_tools.wire import evidence

    port = ports.choose(port)
    gatherer = evidence.Gatherer(port, time.time)
    start = time.monotonic()

    def wait(pause):
        if time.monotonic() - start > seconds:
            raise _Over
        time.sleep(pause)

    line = SerialLine(port, told=_told, sleep=wait)
    with line, console.progress(f"listening to {port}", unit="s") as step:
        try:
            while time.monotonic() - start < seconds:
                gatherer.feed(line.read())
                step(int(time.monotonic() - start), int(seconds))
        except (KeyboardInterrupt, _Over):
            pass  # enough was seen
    if gatherer.found.start is not None:
        gatherer.found.seen(time.time())
    found = gatherer.finish()
    if not found.messages:
        said = "no SIP was seen" if found.lines else "the board said nothing"
        found.unread.append(f"{said}: siplet provision set log.sip=console makes the board tell its SIP")
    return found
