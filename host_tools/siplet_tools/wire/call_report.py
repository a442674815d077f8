# What was found out about a call with the host's own phone. Imports the standard library alone.
#
# Levels are dBov: dB below the overload point of 16 bits; speech lies at about -26 (ITU-T P.56). MOS is the estimate of
# ITU-T G.107 on the narrowband scale, where 4.4 is a call without any loss.

from dataclasses import asdict, dataclass, field

FAULT = "this computer's phone: "  # how a note begins that is one of a fault here


@dataclass
class Verdict:
    """kind: "ok", "failed" or "note"; text: what was found; advice: what to do about it, or ""."""

    kind: str
    text: str
    advice: str = ""


@dataclass
class Digits:
    """Keys that were sent. form: "rtp" or "info"; accepted: what the far end's phone took (None: nobody tells);
    arrived: the keys that the board is known to have got, None: unknown; told_by: "log", "echo" or ""; codes: what the
    door phone's log said of codes.
    """

    digits: str
    form: str
    accepted: bool
    arrived: str = None
    told_by: str = ""
    codes: list = field(default_factory=list)


@dataclass
class Report:
    """One call, from the host's side; times in ms, levels in dBov.

    direction: "out", the host called, or "in". answered: there was a call. status, reason: why not, or how it ended;
    how: "local", "remote", "lost", "rejected", "timeout", "cancelled", "nobody" (called), "interrupted"; rang: it did;
    silent: not one SIP message came from there. setup_ms: until it was answered; seconds: how long it lasted; sound:
    the agreed direction as the host sees it. quality: siplet's record of the call (siplet.sound.record), here and,
    far_..., there. dry_s: the longest time for which no packet came. level_dbov: of what was heard while somebody spoke
    (ITU-T P.56), activity: share of that time; echo: {"delay_ms", "gain_db", ...} of what was said coming back
    (siplet_tools.wire.echo.Echo), or None.
    """

    target: str
    direction: str = "out"
    remote: str = ""
    local: str = ""
    answered: bool = False
    status: int = 0
    reason: str = ""
    how: str = ""
    rang: bool = False
    silent: bool = False
    setup_ms: int = None
    seconds: float = 0.0
    codec: str = ""
    sound: str = ""
    encrypted: bool = False
    quality: dict = field(default_factory=dict)
    dry_s: float = 0.0
    level_dbov: float = None
    activity: float = 0.0
    digital_silence: bool = False
    clipped_percent: float = 0.0
    said: bool = True
    echo: dict = None
    digits_sent: list = field(default_factory=list)
    digits_heard: list = field(default_factory=list)
    said_by_board: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    verdicts: list = field(default_factory=list)

    @property
    def ok(self):
        """Whether nothing failed."""
        return bool(self.verdicts) and all(one.kind != "failed" for one in self.verdicts)

    @property
    def round_trip_ms(self):
        """{"sound", "network"}: there and back in ms, None where it is not known."""
        return {
            "sound": self.echo["delay_ms"] if self.echo else None,
            "network": self.quality.get("round_trip_ms"),
        }

    @property
    def one_way_ms(self):
        """{"sound", "network", "mouth_to_ear"}: half of the ways there and back, as if both were alike; the last one is
        the phones' own estimate, with their buffers.
        """
        trips = {name: None if ms is None else ms / 2 for name, ms in self.round_trip_ms.items()}
        return {**trips, "mouth_to_ear": self.quality.get("delay_ms")}

    def to_dict(self):
        """For --json."""
        return {"ok": self.ok, **asdict(self), "round_trip_ms": self.round_trip_ms, "one_way_ms": self.one_way_ms}

    def rows(self):
        """(head, rows) of the table of figures: what this computer hears, what the far end tells that it hears."""
        q = self.quality
        told = q.get("far_lost") is not None
        rows = [
            ("packets", _n(q.get("packets_received")), f"{q.get('packets_sent', 0)} sent"),
            ("lost", _lost(q.get("lost"), q.get("loss_percent")), _lost(q.get("far_lost"), q.get("far_loss_percent"))),
            ("in bursts", _bursts(q), "-"),
            ("came too late", _percent(q.get("discarded_percent")), _percent(q.get("far_discarded_percent"))),
            ("jitter", _ms(q.get("jitter_ms")), _ms(q.get("far_jitter_ms")) if told else "-"),
            ("MOS, estimated", _n(q.get("mos"), ".1f"), _n(q.get("far_mos"), ".1f")),
            ("level of speech", _level(self), "-"),
        ]
        return ("", "heard here", "heard there"), rows

    def delays(self):
        """(head, rows) of the table of delays."""
        trip, way = self.round_trip_ms, self.one_way_ms
        rows = [
            ("sound, by its echo", _ms(trip["sound"]), _ms(way["sound"])),
            ("network, by RTCP", _ms(trip["network"]), _ms(way["network"])),
            ("mouth to ear, estimated", "-", _ms(way["mouth_to_ear"])),
        ]
        return ("delay", "there and back", "one way (half)"), rows


def _n(value, form="d"):
    return "-" if value is None else format(value, form)


def _ms(value):
    return "-" if value is None else f"{value:.0f} ms"


def _percent(value):
    return "-" if value is None else f"{value:.1f} %"


def _lost(number, percent):
    return "-" if number is None else f"{number} ({percent or 0:.1f} %)"


def _bursts(quality):
    number = quality.get("bursts")
    if number is None:
        return "-"
    return f"{number}, of {quality.get('burst_ms', 0)} ms" if number else "none"


def _level(report):
    if report.level_dbov is None:
        return "silence" if report.answered else "-"
    return f"{report.level_dbov:.0f} dBov, {100 * report.activity:.0f} % of the time"
