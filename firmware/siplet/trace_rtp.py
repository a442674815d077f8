# RTP and RTCP in the trace, for a capture that Wireshark opens. Loaded when one is asked for: it costs time and memory
# at each packet, as nothing else in a call does. May import platform, trace, net.udp.
#
# A record is a line ">>r TICKS HOST:PORT LEN KEPT LOCAL" (sent) or "<<r ..." (received), then the first KEPT bytes of a
# packet that had LEN, and a newline; LOCAL is our port.

from siplet.net.udp import Udp

_HEAD = 12  # bytes of an RTP header


def _is_rtcp(data, i):
    # RFC 5761 section 4
    return len(data) > i + 3 and data[i] >> 6 == 2 and 192 <= data[i + 1] <= 223


def _reports(data):
    # The length of the RTCP at the beginning, which tells it itself
    i = 0
    while _is_rtcp(data, i):
        i += 4 * ((data[i + 2] << 8 | data[i + 3]) + 1)
    return min(i, len(data))


def _packet(data):
    # The length of the RTP packet at the beginning: the source's SSRC comes again in the next one, or in its report
    at = data.find(data[8:12], _HEAD + 8)
    if at >= 0 and data[at - 8] >> 6 == 2 and not _is_rtcp(data, at - 8):
        return at - 8
    return at - 4 if at >= 0 and _is_rtcp(data, at - 4) else len(data)


class _Tap:
    """Tells the trace what goes through the sockets. whole: with the sound; else headers, and RTCP whole."""

    def __init__(self, trace, whole):
        self._trace = trace
        self._whole = whole

    def tell(self, mark, udp, data, address):
        """data: one packet, or some of one source in one piece (RFC 3550 section 5.1: each has the source's SSRC)."""
        data = bytes(data)
        if len(data) < 8 or data[0] >> 6 != 2 or not address:  # SIP, STUN, garbage
            return
        while data:
            is_rtcp = _is_rtcp(data, 0)
            size = _reports(data) if is_rtcp else _packet(data)
            kept = size if self._whole or is_rtcp else min(size, _HEAD)
            self._trace.record(mark, data[:kept], address, f"{size} {kept} {udp.port}")
            data = data[size:]


def install(trace, whole):
    """From now on each new socket tells trace (siplet.trace.Trace) what goes through it. whole: the sound, too."""
    tap = _Tap(trace, whole)
    opened, sent_to, came = Udp._open, Udp.send_to, Udp.datagram

    def _open(self, port):
        opened(self, port)
        read, write = self._read, self._write

        def reading(view):
            n = read(view)
            if n:
                tap.tell("<<r", self, view[:n], self.peer)
            return n

        def writing(view):
            n = write(view)
            if n:
                tap.tell(">>r", self, view, self.peer)
            return n

        self._read, self._write = reading, writing

    def send_to(self, data, address):
        done = sent_to(self, data, address)
        if done:
            tap.tell(">>r", self, data, address)
        return done

    def datagram(self, size):
        data = came(self, size)
        if data:
            tap.tell("<<r", self, data, self.source)
        return data

    Udp._open, Udp.send_to, Udp.datagram = _open, send_to, datagram
