# Captures: what Wireshark opens, written and read. Imports errors and dpkt.
#
# A board's trace has no Ethernet: what is written has link type 101, raw IP. TCP and TLS of a board's SIP stand there
# as UDP too: the trace has whole messages, in plain.

import io
import ipaddress
import os
import struct
from dataclasses import dataclass

import dpkt

from siplet_tools.errors import USAGE, ToolError

_RAW = 101  # LINKTYPE_RAW
_MOST = 200 << 20  # bytes of a capture that is read
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
    """A capture file that is whole after each packet. ToolError when it cannot be written."""

    def __init__(self, path):
        self.path = path
        self.count = 0
        try:
            self._file = open(path, "wb")
            dpkt.pcap.Writer(self._file, snaplen=65535, linktype=_RAW)
            self._file.flush()
        except OSError as error:
            raise ToolError(f"{path}: cannot be written ({error.strerror})", USAGE) from None

    def add(self, packet):
        """Writes a Packet, as UDP; data may be shorter than its length."""
        source, target = _packed(packet.source[0]), _packed(packet.target[0])
        if len(source) != len(target):  # one of them was a name
            source, target = (address.rjust(16, b"\0") for address in (source, target))
        udp = dpkt.udp.UDP(sport=packet.source[1] & 0xFFFF, dport=packet.target[1] & 0xFFFF)
        udp.data, udp.ulen = packet.data, packet.length + 8
        if len(packet.data) < packet.length:
            udp.sum = 0xFFFF  # nobody can verify it over bytes that are missing
        if len(source) == 4:
            raw = bytearray(bytes(dpkt.ip.IP(src=source, dst=target, p=dpkt.ip.IP_PROTO_UDP, ttl=64, data=udp)))
            head = 28
            # dpkt counts what is there, not what the packet had
            struct.pack_into(">HHHBBH", raw, 2, head + packet.length, 0, 0, 64, dpkt.ip.IP_PROTO_UDP, 0)
            struct.pack_into(">H", raw, 10, dpkt.in_cksum(bytes(raw[:20])))
        else:
            raw = bytearray(bytes(dpkt.ip6.IP6(src=source, dst=target, nxt=dpkt.ip.IP_PROTO_UDP, hlim=64, data=udp)))
            head = 48
            struct.pack_into(">H", raw, 4, 8 + packet.length)
        # dpkt writes the file's head in this machine's order, and packets that were kept whole alone
        record = struct.pack("=IIII", int(packet.time), int(packet.time % 1 * 1000000), len(raw), head + packet.length)
        try:
            self._file.write(record + raw)
            self._file.flush()
        except OSError as error:
            raise ToolError(f"{self.path}: cannot be written ({error.strerror})") from None
        self.count += 1

    def close(self):
        self._file.close()


def read(path):
    """[Packet, ...] of a pcap or pcapng file: its UDP and TCP over IPv4 and IPv6. ToolError when it is none."""
    try:
        if os.path.getsize(path) > _MOST:
            raise ToolError(f"{path}: is larger than {_MOST >> 20} MB; cut it: editcap, or tshark -Y sip -w", USAGE)
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise ToolError(f"{path}: cannot be read ({error.strerror})", USAGE) from None
    try:
        reader = dpkt.pcap.UniversalReader(io.BytesIO(data))
    except (ValueError, dpkt.Error):
        raise ToolError(f"{path}: is no capture (pcap or pcapng)", USAGE) from None
    link = reader.datalink()
    packets = []
    try:
        for time, raw in reader:
            packet = _packet(time, raw, link)
            if packet:
                packets.append(packet)
    except (ValueError, dpkt.Error):
        pass  # cut short in the middle of a packet: what is before it counts
    return packets


def _packet(time, raw, link):
    try:
        ip = _ip(raw, link)
        if not isinstance(ip, (dpkt.ip.IP, dpkt.ip6.IP6)):
            return None
        inner = ip.data
        ends = [str(ipaddress.ip_address(address)) for address in (ip.src, ip.dst)]
        if isinstance(inner, dpkt.udp.UDP):
            source, target = zip(ends, (inner.sport, inner.dport))
            return Packet(time, source, target, bytes(inner.data), max(inner.ulen - 8, len(inner.data)))
        if isinstance(inner, dpkt.tcp.TCP):
            source, target = zip(ends, (inner.sport, inner.dport))
            data = bytes(inner.data)
            return Packet(time, source, target, data, len(data), "tcp", inner.seq) if data else None
    except (dpkt.Error, ValueError, IndexError, AttributeError):
        pass
    return None


def _ip(raw, link):
    # The IP packet in a link layer's frame
    if link == dpkt.pcap.DLT_EN10MB:
        return dpkt.ethernet.Ethernet(raw).data
    if link == dpkt.pcap.DLT_LINUX_SLL:
        return dpkt.sll.SLL(raw).data
    if link == getattr(dpkt.pcap, "DLT_LINUX_SLL2", 276):
        return dpkt.sll2.SLL2(raw).data
    if link in (dpkt.pcap.DLT_NULL, dpkt.pcap.DLT_LOOP):
        return dpkt.loopback.Loopback(raw).data
    if raw[:1] and raw[0] >> 4 == 6:
        return dpkt.ip6.IP6(raw)
    return dpkt.ip.IP(raw)


def is_capture(data):
    """Whether a file that begins with data is a pcap or pcapng."""
    return data[:4] in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\n\r\r\n")
