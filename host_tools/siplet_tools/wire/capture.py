# Captures: what Wireshark opens, written and read. Imports frames, private, errors and dpkt.
#
# A board's trace has no Ethernet: what is written has link type 101, raw IP. TCP and TLS of a board's SIP stand there
# as UDP too: the trace has whole messages, in plain.

import functools
import ipaddress
import struct
from dataclasses import dataclass

import dpkt

from siplet_tools import private
from siplet_tools.errors import USAGE, ToolError
from siplet_tools.wire.frames import Frames, is_capture

_RAW = 101  # LINKTYPE_RAW
_NO_LINK = (_RAW, 12, 14, 228, 229)  # how else raw IP is told
_FAMILY = (dpkt.pcap.DLT_NULL, dpkt.pcap.DLT_LOOP)  # four bytes in front say which IP it is
_LINKS = (dpkt.pcap.DLT_EN10MB, dpkt.pcap.DLT_LINUX_SLL, dpkt.pcap.DLT_LINUX_SLL2, *_FAMILY, *_NO_LINK)
MOST = 200 << 20  # bytes of a capture that is read
_DATAGRAM = 65507  # bytes that one takes over IPv4
_PIECES = 256  # of one datagram: networks cut it into 120 at most
_UNKNOWN = "192.0.2.1"  # an address for a name, RFC 5737: a trace may have those


@dataclass
class Packet:
    """time: s; source, target: (address, port); data: bytes; length: of the packet, which may be more than was kept;
    protocol: "udp" or "tcp"; sequence: of TCP, else 0."""

    time: float
    source: tuple
    target: tuple
    data: bytes
    length: int
    protocol: str = "udp"
    sequence: int = 0


def _packed(address):
    try:
        return ipaddress.ip_address(address).packed
    except ValueError:
        return ipaddress.ip_address(_UNKNOWN).packed


class Writer:
    """A capture file that is whole after each packet, for its owner alone. ToolError when it cannot be written."""

    def __init__(self, path):
        self.path = path
        self.count = 0
        try:
            self._file = open(path, "wb", opener=private.opener)
            dpkt.pcap.Writer(self._file, snaplen=65535, linktype=_RAW)
            self._file.flush()
        except OSError as error:
            raise ToolError(f"{path}: cannot be written ({error.strerror})", USAGE) from None

    def add(self, packet):
        """Writes a Packet, as UDP; data may be shorter than its length. What no datagram holds, TCP's, is cut."""
        data, length = packet.data[:_DATAGRAM], min(packet.length, _DATAGRAM)
        source, target = _packed(packet.source[0]), _packed(packet.target[0])
        if len(source) != len(target):  # one of them was a name
            source, target = (address.rjust(16, b"\0") for address in (source, target))
        udp = dpkt.udp.UDP(sport=packet.source[1] & 0xFFFF, dport=packet.target[1] & 0xFFFF)
        udp.data, udp.ulen = data, length + 8
        if len(data) < length:
            udp.sum = 0xFFFF  # nobody can verify it over bytes that are missing
        if len(source) == 4:
            raw = bytearray(bytes(dpkt.ip.IP(src=source, dst=target, p=dpkt.ip.IP_PROTO_UDP, ttl=64, data=udp)))
            head = 28
            # dpkt counts what is there, not what the packet had
            struct.pack_into(">HHHBBH", raw, 2, head + length, 0, 0, 64, dpkt.ip.IP_PROTO_UDP, 0)
            struct.pack_into(">H", raw, 10, dpkt.in_cksum(bytes(raw[:20])))
        else:
            raw = bytearray(bytes(dpkt.ip6.IP6(src=source, dst=target, nxt=dpkt.ip.IP_PROTO_UDP, hlim=64, data=udp)))
            head = 48
            struct.pack_into(">H", raw, 4, 8 + length)
        # dpkt writes the file's head in this machine's order, and packets that were kept whole alone
        record = struct.pack("=IIII", int(packet.time), int(packet.time % 1 * 1000000), len(raw), head + length)
        try:
            self._file.write(record + raw)
            self._file.flush()
        except OSError as error:
            raise ToolError(f"{self.path}: cannot be written ({error.strerror})") from None
        self.count += 1

    def close(self):
        self._file.close()


class Capture:
    """Iterates the Packets of UDP and TCP over IPv4 and IPv6 in a capture's bytes, in their order.

    Known afterwards: whole, whether its end is there; fragments, how many datagrams lack a part; links, the link types
    that are not known here.
    """

    def __init__(self, data):
        self._data = data
        self.whole, self.fragments = True, 0
        self.links = set()

    def __iter__(self):
        frames, parts = Frames(self._data), _Fragments()
        for time, link, raw in frames:
            if link not in _LINKS:
                self.links.add(link)
                continue
            try:
                packet = _packet(time, raw, link, parts)
            except (dpkt.Error, ValueError, LookupError, AttributeError, TypeError, RecursionError, struct.error):
                continue  # what dpkt makes of damage differs, and it goes as deep as a packet is nested
            if packet:
                yield packet
        yield from parts.rest()
        self.whole, self.fragments = frames.whole, parts.lost


def read(path):
    """The Capture in a pcap or pcapng file. ToolError when it is none."""
    return of(load(path), path)


def load(path):
    """What is in a file, or comes through a pipe, at most a byte more than MOST. ToolError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(MOST + 1)
    except OSError as error:
        raise ToolError(f"{path}: cannot be read ({error.strerror})", USAGE) from None


def of(data, path):
    """The Capture in what load(path) gave. ToolError when it is none."""
    if not is_capture(data):
        raise ToolError(f"{path}: is no capture (pcap or pcapng)", USAGE)
    if len(data) > MOST:
        raise ToolError(f"{path}: is larger than {MOST >> 20} MB; cut it: editcap, or tshark -Y sip -w", USAGE)
    return Capture(data)


@functools.lru_cache(4096)
def _text(address):
    return str(ipaddress.ip_address(address))


def _packet(time, raw, link, parts):
    ip = _ip(raw, link)
    while not isinstance(ip, (dpkt.ip.IP, dpkt.ip6.IP6)) and isinstance(getattr(ip, "data", None), dpkt.Packet):
        ip = ip.data  # PPPoE
    while isinstance(getattr(ip, "data", None), (dpkt.ip.IP, dpkt.ip6.IP6)):  # a tunnel
        ip = ip.data
    if not isinstance(ip, (dpkt.ip.IP, dpkt.ip6.IP6)):
        return None
    piece = _piece(ip)
    if piece:
        return parts.add(time, ip, *piece)
    inner = ip.data
    if isinstance(inner, dpkt.udp.UDP):
        return _udp(time, ip.src, ip.dst, inner)
    if not isinstance(inner, dpkt.tcp.TCP):
        return None
    data = bytes(inner.data)
    length = len(data)
    if isinstance(ip, dpkt.ip.IP) and ip.len:  # more than was kept, in a capture that cuts packets
        length = max(length, ip.len - 4 * ip.hl - 4 * inner.off)
    source, target = _text(ip.src), _text(ip.dst)
    ends = (source, inner.sport), (target, inner.dport)
    return Packet(time, *ends, data, length, "tcp", inner.seq) if length else None


def _udp(time, source, target, inner):
    data = bytes(inner.data)
    if 8 <= inner.ulen < len(data) + 8:
        data = data[: inner.ulen - 8]  # what fills a short Ethernet frame
    source, target = _text(source), _text(target)
    ends = (source, inner.sport), (target, inner.dport)
    return Packet(time, *ends, data, max(inner.ulen - 8, len(data)))


def _piece(ip):
    # (mark, place in bytes, more follows, protocol) of a fragment; None of a whole packet
    if isinstance(ip, dpkt.ip.IP):
        return (ip.id, 8 * ip.offset, bool(ip.mf), ip.p) if ip.offset or ip.mf else None
    head = ip.extension_hdrs.get(dpkt.ip.IP_PROTO_FRAGMENT)
    return (head.id, 8 * head.frag_off, bool(head.m_flag), head.nxt) if head else None


class _Fragments:
    """Puts UDP together again that was sent in pieces: a long INVITE, for one. RFC 791, RFC 8200 section 4.5."""

    def __init__(self):
        self._waiting = {}  # {key: ({place: bytes}, [size of the whole or None, bytes that came], time)}
        self.lost = 0

    def add(self, time, ip, mark, place, more, protocol):
        """The Packet that this piece completes, or None."""
        if protocol != dpkt.ip.IP_PROTO_UDP:
            return None
        key = (ip.src, ip.dst, mark)
        if key not in self._waiting and len(self._waiting) >= 256:
            self._waiting.pop(next(iter(self._waiting)))
            self.lost += 1
        pieces, size, _ = self._waiting.setdefault(key, ({}, [None, 0], time))
        if len(pieces) >= _PIECES and place not in pieces:
            del self._waiting[key]
            self.lost += 1
            return None
        data = bytes(ip.data)
        size[1] += len(data) - len(pieces.get(place, b""))
        pieces[place] = data
        if not more:
            size[0] = place + len(data)
        if size[0] is None or size[1] < size[0]:
            return None
        whole = self._join(pieces)
        if len(whole) < size[0]:
            return None
        del self._waiting[key]
        return _udp(time, ip.src, ip.dst, dpkt.udp.UDP(whole[: size[0]]))

    def _join(self, pieces):
        whole = bytearray()
        for place in sorted(pieces):
            if place > len(whole):
                break
            whole[place:] = pieces[place]
        return bytes(whole)

    def rest(self):
        """Packets of which the beginning is there and the end is not."""
        found = []
        for (source, target, _), (pieces, _, time) in self._waiting.items():
            self.lost += 1
            if len(pieces.get(0, b"")) > 8:
                found.append(_udp(time, source, target, dpkt.udp.UDP(self._join(pieces))))
        return found


def _ip(raw, link):
    # The IP packet in a link layer's frame
    if link == dpkt.pcap.DLT_EN10MB:
        return dpkt.ethernet.Ethernet(raw).data
    if link == dpkt.pcap.DLT_LINUX_SLL:
        return dpkt.sll.SLL(raw).data
    if link == dpkt.pcap.DLT_LINUX_SLL2:
        return dpkt.sll2.SLL2(raw).data
    if link in _FAMILY:
        raw = raw[4:]
    return dpkt.ip6.IP6(raw) if raw[:1] and raw[0] >> 4 == 6 else dpkt.ip.IP(raw)
