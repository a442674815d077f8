# siplet answer: this computer waits for calls and measures them. Imports wire, board, console, click.

import ipaddress

import click

from siplet_tools import console
from siplet_tools.commands import Seconds
from siplet_tools.commands import call_options as options


@click.command(
    epilog="\b\nExamples:\n  siplet answer                       one call, of somebody in this network"
    "\n  siplet answer --count 0 --echo      an echo, until Ctrl-C"
    "\n  siplet answer --account sip:me@pbx.local --record heard.wav"
    "\n  siplet answer --from 192.168.1.20 --seconds 15 --json"
)
@click.option("--count", type=click.IntRange(0), default=1, show_default=True, help="Calls to take; 0: until Ctrl-C.")
@click.option("--seconds", type=Seconds(0, 86400), default=0, help="Hang up after; 0: the caller does.")
@click.option("--wait", "wait_s", type=Seconds(1), help="Seconds to wait for each call; else for ever.")
@click.option("--from", "hosts", metavar="ADDRESS", multiple=True, help="Who may call, alone: an address or a.b.c.d/n.")
@click.option("--open", "anybody", is_flag=True, help="Anybody may call, from the Internet as well.")
@click.option("--echo", is_flag=True, help="Say back what is heard.")
@options.sound
@options.keys
@options.who
@click.option("--json", "as_json", is_flag=True, help="One JSON document for a script: a list of calls.")
def command(count, seconds, wait_s, hosts, anybody, echo, as_json, **given):
    """Waits for a call, answers it, plays and listens, and measures it as `siplet call` does.

    Calls are taken from private networks and from the account's server, if not said otherwise. It waits at port 5060,
    where a board's doorphone.targets finds it. Exit status 0 when nothing failed in any call.
    """
    from siplet_tools.errors import USAGE, ToolError
    from siplet_tools.wire import host_phone

    console.json_mode(as_json)
    if given["record"] and count != 1:
        raise ToolError("--record is for one call: --count 1", USAGE)
    if echo and (given["play"] or given["sound_card"]):
        raise ToolError("--echo says back what is heard: without --play and --sound-card", USAGE)
    for host in hosts:
        try:
            ipaddress.IPv4Network(host, strict=False)
        except ValueError:
            raise ToolError(
                f"--from {host}: is neither an address nor a network such as 192.168.1.0/24", USAGE
            ) from None
    found = {"calls": 0, "good": 0, "reports": []}  # whoever is an echo stays for months: reports are for JSON alone

    def told(uri):
        console.say(f"waiting at {uri}; Ctrl-C ends this")

    def ended(report):
        found["calls"] += 1
        found["good"] += report.ok
        if as_json:
            found["reports"].append(report.to_dict())
        live(None)
        options.show(report)

    talk, own = options.talk(given), options.own(given)
    own["accept"] = ("open",) if anybody else hosts or host_phone.LOCAL_NETWORKS
    with options.live(calls=False) as live:
        host_phone.wait_for_calls(
            count=count,
            toward=_toward(hosts),
            seconds=seconds,
            wait_s=wait_s,
            echo=echo,
            live=live,
            told=told,
            ended=ended,
            **talk,
            **own,
        )
    if as_json:
        console.result(found["reports"])
    return 0 if 0 < found["calls"] == found["good"] else 1


def _toward(hosts):
    # A virtual board lives on this computer alone, and calls by its loopback address
    from siplet_tools.board import ports

    if hosts:
        return hosts[0].partition("/")[0]
    found = ports.attached()
    return "127.0.0.1" if found and all(one.virtual for one in found) else ""
