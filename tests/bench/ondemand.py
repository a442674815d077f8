# What each feature costs that is loaded when it is first used: the heap that its modules take beside a phone, joined as
# a board gets it, on 32 and on 64 bit. A phone that does not use it pays nothing.

import os

from modules import BOARD, BOARD_PLAIN, alive
from siplet_tools import interpreter
from table import doing, table

# (feature, the module of siplet that begins it)
FEATURES = (
    ("calls that come in", "sip.invite_server"),
    ("hold, resume: re-INVITE and UPDATE of ours", "sip.reinvite"),
    ("UPDATE of the far end's", "sip.update"),
    ("session timers", "sip.session_timer"),
    ("100rel, called", "sip.reliable"),
    ("100rel, calling", "sip.prack"),
    ("3xx followed", "sip.redirect"),
    ("transfer", "sip.refer"),
    ("Replaces", "sip.replaces"),
    ("identity headers", "sip.identity"),
    ("compact headers", "sip.compact"),
    ("several targets", "hunt"),
    ("MESSAGE", "sip.instant"),
    ("SUBSCRIBE and NOTIFY, watching", "watching"),
    ("presence documents", "pidf"),
    ("dialog documents", "dialog_info"),
    ("message-summary documents", "mwi"),
    ("PUBLISH", "sip.publish"),
    ("being watched", "presence"),
    ("refusals", "sip.refusal"),
    ("a registration that failed", "sip.register_failure"),
    ("spare registrars", "sip.spares"),
    ("allow list", "sip.friends"),
    ("callers' passwords", "sip.challenge"),
    ("requests too large for UDP", "sip.large"),
    ("names: DNS and SRV", "net.locate"),
    ("TCP", "net.links"),
    ("TLS", "net.tls"),
    ("WebSocket", "net.websocket"),
    ("keep-alive by UDP", "keepalive"),
    ("keys sent by RTP", "media.dtmf_sender"),
    ("keys sent by INFO", "sip.info_body"),
    ("a trace of messages", "trace"),
    ("the complete stream, its line and parts", "sound.parts"),
    ("jitter, concealment, drift", "sound.player"),
    ("levels, voice switching", "sound.handsfree"),
    ("echo canceller", "sound.canceller"),
    ("keys as tones, heard", "sound.inband"),
    ("keys as tones, sent", "sound.keying"),
    ("RTCP, XR and the record", "sound.reports"),
    ("media that is missing or from elsewhere", "sound.path"),
    ("ringing and other tones, local", "sound.local"),
    ("prompts, tones, recordings in a call", "sound.prompts"),
    ("keys of SRTP in descriptions", "sound.srtp"),
    ("SRTP", "sound.security"),
    ("G.722", "sound.wideband"),
    ("STUN", "sound.stun"),
    ("paging", "paging"),
)


def show():
    unix = interpreter.find()
    environment = {**os.environ, "MICROPYPATH": f"{BOARD}:.frozen"}
    rows = []
    for feature, module in FEATURES:
        doing(feature)
        name = "siplet." + module
        names = ["siplet.phone", "many_names", name]
        large = alive([unix, "tests/bench/alive.py"], names, environment)[name]
        try:
            small = alive(["node", "tests/wasm/run.mjs", f"--firmware={BOARD_PLAIN}", "--alive"], names)[name]
        except OSError:  # the WebAssembly port has no sockets
            small = None
        rows.append([feature, module, small, large])
    table(
        "Heap that a feature takes once it is used, with all that it imports, in bytes",
        ["feature", "module", "32 bit", "64 bit"],
        rows,
        "From .mpy files, joined as a board gets them. 32 bit: the WebAssembly port, which has no sockets.",
    )
