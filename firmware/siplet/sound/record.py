# The record of how good a call is: the figures of siplet.sound.quality for an application, and for people. May import
# media.

from siplet.media import rtcp_xr as xr


def describe(quality):
    """A flat dict of what a siplet.sound.quality.Quality knows, mostly numbers; None is what is not known.

    mos: 1 to 4.5, what people would say of a conversation, and r_factor (ITU-T G.107); mos_listening: of the sound
    alone. mos_scale: "narrowband", that of all of these, the far end's too (RFC 3611 4.7.5): a call without loss has
    4.4 on it whatever its codec. wideband: it is G.722, which people would like better than that. loss_percent, lost:
    packets that did not come; discarded_percent, discarded: came, and were not played; late, duplicate,
    packets_received, packets_sent: as in stats. bursts: how many, burst_percent: how much is missing in them, burst_ms:
    their mean length; gap_percent, gap_ms: of the rest (RFC 3611 4.7.2). jitter_ms: RFC 3550's, and jitter_most_ms.
    round_trip_ms: smoothed, and the least and the most. delay_ms: from mouth to ear, estimated; end_system_ms: our part
    of it and the way back. far_...: what the far end says of what we send.
    """
    quality.update()
    stream = quality._stream
    stats = stream.stats
    bursts = quality.bursts
    known = quality.packets > 0
    trip = quality.trip >= 0
    record = {
        "mos": quality.mos / 100 if known else None,
        "mos_listening": quality.mos_lq / 10 if known else None,
        "r_factor": quality.rating / 10 if known else None,
        "mos_scale": "narrowband",
        "wideband": bool(stream.agreed) and stream.agreed.codec == b"G722",
        "loss_percent": _percent(quality.lost, quality.packets),
        "discarded_percent": _percent(quality.discarded, quality.packets),
        "lost": quality.lost,
        "discarded": quality.discarded,
        "late": stats.late,
        "duplicate": stats.duplicate,
        "packets_received": stats.received,
        "packets_sent": stats.sent,
        "bursts": bursts.bursts,
        "burst_percent": _percent(bursts.burst_lost, bursts.burst_packets),
        "burst_ms": quality.burst,
        "gap_percent": _percent(bursts.lost - bursts.burst_lost, bursts.packets - bursts.burst_packets),
        "gap_ms": quality.gap,
        "jitter_ms": stats.jitter,
        "jitter_most_ms": quality.jitter,
        "round_trip_ms": quality.trip if trip else None,
        "round_trip_least_ms": quality.trip_least if trip else None,
        "round_trip_most_ms": quality.trip_most if trip else None,
        "delay_ms": quality.delay,
        "end_system_ms": quality.end_system,
    }
    far = quality.far
    told = far.packets > 0
    record["far_lost"] = far.lost if told else None
    record["far_loss_percent"] = min(_percent(max(far.lost, 0), far.packets), 100.0) if told else None
    record["far_jitter_ms"] = far.jitter if told else None
    metrics = far.metrics
    record["far_mos"] = _score(metrics, xr.MOS_CQ, 10)
    record["far_mos_listening"] = _score(metrics, xr.MOS_LQ, 10)
    record["far_r_factor"] = _score(metrics, xr.R_FACTOR, 1)
    record["far_discarded_percent"] = _percent(metrics[xr.DISCARD], 256) if metrics else None
    record["far_end_system_ms"] = far.end_system if metrics else None
    return record


def _score(metrics, place, scale):
    value = metrics[place] if metrics else xr.UNKNOWN
    return None if value == xr.UNKNOWN else value / scale


def _percent(n, whole):
    return (n * 1000 // whole) / 10 if whole else 0.0


def sentence(record):
    """One line for people of a record: "quality: MOS 4.3, loss 0.4 % in 2 bursts, jitter 6 ms ..."."""
    if record["mos"] is None:
        return "quality: nothing was heard"
    number = record["bursts"]
    scale = " on the narrowband scale" if record["wideband"] else ""
    text = f"quality: MOS {record['mos']:.1f}{scale}, loss {record['loss_percent']:.1f} %"
    if number:
        text += f" in {number} burst{'s' if number > 1 else ''}"
    if record["discarded"]:
        text += f", too late {record['discarded_percent']:.1f} %"
    text += f", jitter {record['jitter_ms']} ms"
    if record["round_trip_ms"] is not None:
        text += f", round trip {record['round_trip_ms']} ms"
    text += f", delay {record['delay_ms']} ms"
    if record.get("far_loss_percent") is not None:
        text += f"; heard there with loss {record['far_loss_percent']:.1f} %, jitter {record['far_jitter_ms']} ms"
        if record["far_mos"] is not None:
            text += f", MOS {record['far_mos']:.1f}"
    return text
