# The verdict on a measured call: what is good, what is not, and what to do. Pure: takes a Report. Imports call_report
# and the words for refusals. The bounds of delay are those of ITU-T G.114.

from siplet_tools.wire import call_refusals
from siplet_tools.wire.call_report import FAULT, Verdict

_MUCH_LOSS, _SOME_LOSS = 5.0, 1.0  # percent
_LONG_MS, _LONGER_MS = 150, 400  # one way
_QUIET, _LOUD = -45.0, -9.0  # dBov, active
_CLIPPED = 1.0  # percent of the loud samples
_GOOD_MOS, _POOR_MOS = 3.6, 3.1
_ECHOES_DB = -12.0  # what comes back louder than that is an echo by design
_ACOUSTIC_DB = -40.0  # and softer than that nobody hears
_WI_FI = "look at the board's Wi-Fi: its distance from the access point, and the channel; siplet check measures it"


def judge(report, expect="sound"):
    """Fill report.verdicts. expect: "sound"; "echo": what was said has to come back; "silence": none is expected."""
    found = report.verdicts = []
    if not report.answered:
        text, advice = call_refusals.explain(report)
        found.append(Verdict("failed", text, advice))
        _judge_notes(report, found)
        return report
    _judge_call(report, found)
    if _judge_presence(report, expect, found):
        _judge_loss(report, found)
        _judge_level(report, found)
        _judge_echo(report, expect, found)
        _judge_delay(report, found)
        _judge_score(report, found)
    _judge_digits(report, found)
    _judge_notes(report, found)
    return report


def _judge_notes(report, found):
    for note in report.notes:
        found.append(Verdict("failed" if note.startswith(FAULT) else "note", note))


def _judge_call(report, found):
    who = report.remote or report.target
    time = "" if report.setup_ms is None else f" answered after {_time(report.setup_ms)},"
    found.append(Verdict("ok", f"call with {who}:{time} lasted {report.seconds:.1f} s, {report.codec or 'no codec'}"))
    if report.how == "lost":
        found.append(
            Verdict("failed", f"the call broke: {report.status} {report.reason}", "the board is gone: siplet monitor")
        )


def _time(ms):
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def _judge_presence(report, expect, found):
    # Whether there is sound to be judged
    q = report.quality
    if not q:
        text = "nothing is known of the packets: this computer kept no record of the call"
        found.append(Verdict("failed", text, "call once more; if it stays, please report it"))
        return False
    came, went = q.get("packets_received", 0), q.get("packets_sent", 0)
    if report.sound in ("sendonly", "inactive"):
        found.append(
            Verdict(
                "failed" if expect != "silence" else "note",
                f"wrong direction: the far end sends no sound in this call ({report.sound} from here)",
                "it is on hold there, or its application answers one way: look at a=... in siplet monitor -m",
            )
        )
        return bool(came)
    if report.sound == "recvonly":
        found.append(
            Verdict(
                "failed",
                "wrong direction: the far end does not want to hear this computer (recvonly from here)",
                "it has put the call on hold, or its application answers one way: siplet monitor -m shows a=sendonly",
            )
        )
    if report.seconds < 1 and came < 10:
        found.append(Verdict("note", "too short to be measured", "let it last longer: --seconds 10"))
        return False
    if not came:
        heard_there = q.get("far_lost") is not None
        found.append(
            Verdict(
                "failed",
                "nothing was heard: not one packet of sound came"
                + (", though the far end hears this computer" if heard_there else ""),
                "a firewall on this computer or between keeps UDP away, or the far end sends to a wrong address: "
                f"it was told {report.local}; with a VPN or two networks say --local-address",
            )
        )
        return False
    if report.dry_s >= 1:
        kind = "failed" if report.dry_s >= report.seconds / 2 else "note"
        found.append(
            Verdict(
                kind,
                f"nothing was heard for {report.dry_s:.1f} of {report.seconds:.1f} s: no packets came",
                "its Wi-Fi was gone, its application was busy with something else, or it sends no silence: "
                "siplet monitor shows what it did then",
            )
        )
    if went and not q.get("far_lost") and q.get("far_lost") != 0 and q.get("reports_received"):
        found.append(
            Verdict(
                "failed",
                "one way: the far end reports, but it has received no sound from here",
                "its network drops this computer's packets: client isolation of the Wi-Fi, or a firewall",
            )
        )
    if report.digital_silence:
        kind = "note" if expect == "silence" else "failed"
        found.append(
            Verdict(
                kind,
                f"nothing was heard: {came} packets came, all of them silence",
                "the board has no microphone (board.microphone_pins), its wiring is wrong, "
                "or nobody lets it speak: siplet check listens to it; no microphone on purpose: --expect silence",
            )
        )
    return True


def _judge_loss(report, found):
    q = report.quality
    for percent, late, where, what in (
        (q.get("loss_percent"), q.get("discarded_percent"), "here", "from the board to this computer"),
        (q.get("far_loss_percent"), q.get("far_discarded_percent"), "there", "from this computer to the board"),
    ):
        if percent is None:
            found.append(
                Verdict("note", "the far end did not tell how it hears us", "it takes some seconds: --seconds 15")
            )
            continue
        kind = "failed" if percent > _MUCH_LOSS else "note" if percent > _SOME_LOSS else "ok"
        if kind == "ok" and (late or 0) <= _SOME_LOSS:
            found.append(Verdict("ok", f"loss {what}: {percent:.1f} %"))
            continue
        if kind != "ok":
            found.append(Verdict(kind, f"loss {what}: {percent:.1f} %", _WI_FI))
        if (late or 0) > _SOME_LOSS:
            bad = "failed" if late > _MUCH_LOSS else "note"
            found.append(
                Verdict(bad, f"{late:.1f} % came too late to be heard {where}: jitter", _WI_FI + "; wifi power saving")
            )


def _judge_level(report, found):
    level = report.level_dbov
    if level is None or report.digital_silence:
        return
    if level < _QUIET:
        advice = "the microphone is far away or its gain low: board.microphone_gain (0 to 6)"
        found.append(Verdict("note", f"very quiet: {level:.0f} dBov, speech should be near -26", advice))
    elif report.clipped_percent > _CLIPPED:
        advice = "board.microphone_gain is too high, or the microphone too close"
        found.append(Verdict("failed", f"clipped: {report.clipped_percent:.1f} % of the loud samples", advice))
    elif level > _LOUD:
        advice = "board.microphone_gain lower, or sound.level_target higher"
        found.append(Verdict("note", f"very loud: {level:.0f} dBov, speech should be near -26", advice))
    else:
        found.append(Verdict("ok", f"sound was heard at {level:.0f} dBov"))


def _judge_echo(report, expect, found):
    echo = report.echo
    if not echo:
        if expect == "echo" and not report.digital_silence:
            advice = "the application echo (siplet deploy --app echo) does; and the call has to last some seconds"
            found.append(Verdict("failed", "what was said did not come back", advice))
        return
    gain, ms = echo["gain_db"], echo["delay_ms"]
    if gain > _ECHOES_DB:
        found.append(
            Verdict("ok", f"what was said comes back after {ms:.0f} ms, {gain:+.0f} dB: both ways carry sound")
        )
    elif gain > _ACOUSTIC_DB:
        found.append(
            Verdict(
                "failed" if expect == "echo" else "note",
                f"an echo from the far end's room: {gain:.0f} dB after {ms:.0f} ms",
                "sound.hands_free switch or cancel, a softer speaker, or more distance to the microphone",
            )
        )


def _judge_delay(report, found):
    way = report.one_way_ms
    for name, what in (("sound", "half of the sound's way there and back"), ("mouth_to_ear", "the phones' estimate")):
        ms = way[name]
        if ms is None:
            continue
        kind = "failed" if ms > _LONGER_MS else "note" if ms > _LONG_MS else "ok"
        advice = "" if kind == "ok" else _WI_FI + "; sound.jitter_most_ms bounds what the board waits for late packets"
        found.append(Verdict(kind, f"delay one way: {ms:.0f} ms ({what})", advice))
        return


def _judge_score(report, found):
    for key, what in (("mos", "here"), ("far_mos", "there")):
        mos = report.quality.get(key)
        if mos is not None:
            kind = "ok" if mos >= _GOOD_MOS else "note" if mos >= _POOR_MOS else "failed"
            found.append(Verdict(kind, f"MOS {mos:.1f} {what}", "" if kind == "ok" else "loss and delay above say why"))


def _judge_digits(report, found):
    names = {"rtp": "RTP events (RFC 4733)", "info": "INFO"}
    for sent in report.digits_sent:
        name = names.get(sent.form, sent.form)
        if not sent.accepted:
            advice = (
                "the far end did not agree on telephone-event: use --form info"
                if sent.form == "rtp"
                else "the far end refuses INFO: use --form rtp"
            )
            found.append(Verdict("failed", f"keys {sent.digits} as {name}: not taken", advice))
        elif sent.codes:
            kind = "note" if "code wrong" in sent.codes else "ok"
            found.append(Verdict(kind, f"keys {sent.digits} as {name}: the board says {', '.join(sent.codes)}"))
        elif sent.arrived is None:
            advice = "with the board on a cable its log is read (--port); the application echo tells each key"
            found.append(Verdict("note", f"keys {sent.digits} as {name}: sent; nobody tells what arrived", advice))
        elif sent.arrived == sent.digits:
            by = "its log" if sent.told_by == "log" else "its own keys"
            found.append(Verdict("ok", f"keys {sent.digits} as {name}: each arrived once, says {by}"))
        else:
            got = sent.arrived or "nothing"
            advice = "a key twice or lost: loss on the way, or sound.listen_for_keys hears tones beside events"
            found.append(Verdict("failed", f"keys {sent.digits} as {name}: {got} arrived", advice))
    if report.digits_heard:
        keys = ", ".join(f"{one['digit']} by {'+'.join(one['forms'])}" for one in report.digits_heard)
        found.append(Verdict("ok", f"keys from the far end: {keys}"))
