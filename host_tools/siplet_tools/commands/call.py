# siplet call: this computer calls the board, or lets it call, and measures. Imports wire, board, console, click.

import click

from siplet_tools import console
from siplet_tools.commands import Seconds
from siplet_tools.commands import call_options as options


@click.command(
    epilog="\b\nExamples:\n  siplet call                               the attached board"
    "\n  siplet call sip:door@192.168.1.20:5060 --seconds 20"
    "\n  siplet call --let-it-call                 then press the board's bell"
    "\n  siplet call sip:100@pbx.local --account sip:me@pbx.local --digits 42#"
    "\n  siplet call --sound-card                  talk yourself"
)
@click.argument("target", required=False)
@click.option("-p", "--port", help="The board's serial port; needed when there are several.")
@click.option("--let-it-call", is_flag=True, help="Wait for the board to call this computer.")
@click.option("--seconds", type=Seconds(1, 86400), default=10, show_default=True, help="Length of the call.")
@click.option("--timeout", type=Seconds(1, 600), default=30, show_default=True, help="Seconds for an answer.")
@options.sound
@options.keys
@options.who
@click.option("--json", "as_json", is_flag=True, help="One JSON document for a script.")
def command(target, port, let_it_call, seconds, timeout, as_json, **given):
    """Calls the board, plays to it and listens, and measures delay, loss, level and keys both ways.

    TARGET is a SIP URI, such as sip:door@192.168.1.20:5060. Without one the attached board is called: its application
    starts anew, for it tells where its phone is. With several boards say which one with --port; with TARGET and --port
    the board's log is read beside the call, and nothing is started anew. Exit status 0 when nothing failed.
    """
    from siplet_tools.errors import USAGE, ToolError
    from siplet_tools.wire import board_log, host_phone

    console.json_mode(as_json)
    if target and let_it_call:
        raise ToolError("--let-it-call and a TARGET are two different things: leave one out", USAGE)
    talk, own = options.talk(given), options.own(given)
    if target:
        target = host_phone.whole(target, own.get("account", ""))
        host_phone.host_of(target)  # what is no URI, or none to be shown, ends here
    board = board_log.find(target, port, wanted=bool(given["digits"]), told=lambda text: console.verdict("note", text))
    with board as log:
        if not target:
            with console.progress("starting the board's application", unit="s") as step:
                app, target, host = log.wait_ready(progress=lambda done, total: step(int(done), int(total)))
            console.say(f"the board: {app} at {target}")
            if let_it_call:
                return options.finish(_be_called(host, log, seconds, timeout, talk, own), as_json)
        return options.finish(_call(target, log, seconds, timeout, talk, own), as_json)


def _call(target, log, seconds, timeout, talk, own):
    from siplet_tools.wire import host_phone

    console.say(f"calling {target}")
    with options.live() as live:
        return host_phone.test_call(
            target, seconds=seconds, timeout_s=timeout, log=log if log.reads else None, live=live, **talk, **own
        )


def _be_called(host, log, seconds, timeout, talk, own):
    from siplet_tools.wire import host_phone

    def told(uri):
        console.say(f"waiting {timeout:g} s at {uri} for the board's call: press its bell")

    own["accept"] = (host,)
    with options.live(calls=False) as live:
        return host_phone.wait_for_call(
            toward=host, seconds=seconds, wait_s=timeout, log=log, live=live, told=told, **talk, **own
        )
