# What `siplet call` and `siplet answer` have in common: options, the line while a call lasts, the report after it.
# Imports wire, console, click.

import contextlib
import os
import sys

import click

from siplet_tools import console


def _all(*decorators):
    def decorate(function):
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


sound = _all(
    click.option("--play", metavar="FILE", help="A WAV file is said, again and again, instead of the measuring sound."),
    click.option("--record", metavar="FILE", help="What is heard, as a WAV file."),
    click.option("--sound-card", is_flag=True, help="This computer's microphone and speaker."),
    click.option(
        "--expect",
        type=click.Choice(["sound", "echo", "silence"]),
        default="sound",
        show_default=True,
        help="What has to come: some sound; what was said, back again; or none.",
    ),
)
keys = _all(
    click.option("--digits", metavar="KEYS", help="Keys to send, 0-9 * # A-D. They may open a door."),
    click.option(
        "--form",
        type=click.Choice(["both", "rtp", "info"]),
        default="both",
        show_default=True,
        help="How they are sent: as RTP events, by INFO, or once in each form.",
    ),
)
who = _all(
    click.option("--account", metavar="SIP-URI", help="Register there; password: SIPLET_PASSWORD, or asked for."),
    click.option("--transport", type=click.Choice(["udp", "tcp", "tls"]), help="To the account's server."),
    click.option("--local-address", metavar="ADDRESS", help="Which of this computer's addresses to use."),
    click.option("--local-port", type=click.IntRange(0, 65535), help="Its SIP port; 0: any free one."),
)


def talk(given):
    """The options of the call itself, for wire.host_phone."""
    from siplet_tools.errors import USAGE, ToolError
    from siplet_tools.wire.host_phone import keys

    digits = keys(given["digits"])
    if given["sound_card"] and given["play"]:
        raise ToolError("--sound-card and --play: one of them", USAGE)
    forms = ("rtp", "info") if given["form"] == "both" else (given["form"],)
    found = {name: given[name] for name in ("play", "record", "sound_card", "expect")}
    return {**found, "digits": digits, "forms": forms}


def own(given):
    """The options of the host's own phone; asks for a password when an account wants one."""
    from siplet_tools.wire import host_phone

    found = {"address": given["local_address"] or "", "port": given["local_port"], "transport": given["transport"]}
    if found["port"] is None:
        del found["port"]
    if given["account"]:
        found["account"] = host_phone.whole(given["account"])
        host_phone.host_of(found["account"])
        password = os.environ.get("SIPLET_PASSWORD")
        if password is None:
            password = console.secret(f"password of {found['account']}")
        found["password"] = password
    return found


@contextlib.contextmanager
def live(calls=True):
    """with live() as show: show(Live) beside a bar on a terminal, elsewhere a line every five seconds; show(None): the
    call is over, and another one may come.
    """
    told = [0]
    bar = console.progress("waiting for an answer" if calls else "waiting for a call", unit="s", lines=False)
    waiting = bar.text

    def show(now):
        if now is None:
            told[0] = 0
            bar.rename(waiting)
            bar.step(0, None)
            return
        level = "silence" if now.level is None or now.level < -70 else f"{now.level:.0f} dBov"
        text = f"{now.received} packets, {now.lost} lost  {level}"
        if sys.stderr.isatty():
            bar.rename(text if now.total else f"{now.seconds:.0f} s  {text}")
            bar.step(min(int(now.seconds), int(now.total)), int(now.total) or None)
        elif now.seconds >= told[0] + 5 or not told[0]:
            told[0] = max(now.seconds, 0.1)
            total = f" of {now.total:.0f}" if now.total else ""
            click.echo(f"{now.seconds:4.0f}{total} s  {text}", err=True)

    with bar:
        yield show


def show(report):
    """The report of one call for a person."""
    if report.answered:
        console.say()
        console.table(*report.rows())
        console.say()
        console.table(*report.delays())
        console.say()
    for one in report.verdicts:
        console.verdict(one.kind, one.text, one.advice)


def finish(report, as_json):
    """Shows a report; the exit status."""
    show(report)
    if as_json:
        console.result(report.to_dict())
    return 0 if report.ok else 1
