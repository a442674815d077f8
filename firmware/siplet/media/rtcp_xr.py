# RTCP's extended reports: RFC 3611 sections 2, 4.4, 4.5 and 4.7. Imports nothing.
#
# Of the seven kinds of block three are of use to a phone: the VoIP metrics, how a call sounds where it is heard; and
# the receiver's reference time with its answer (DLRR), by which who sends nothing knows the round trip as well. Blocks
# of other kinds are passed over by their length.

from micropython import const

# The flags of media.rtcp, which imports this
_METRICS = const(8)
_ASKED = const(16)
_ECHOED = const(32)

_BLOCKS = const(16)  # that are looked at in one packet
UNKNOWN = const(127)  # of a level, an R factor or a MOS

# The places in a VoIP metrics block
LOSS = const(8)
DISCARD = const(9)
BURST_DENSITY = const(10)
GAP_DENSITY = const(11)
BURST = const(12)  # duration, ms, two bytes as those below
GAP = const(14)
ROUND_TRIP = const(16)
END_SYSTEM = const(18)
SIGNAL = const(20)
NOISE = const(21)
ECHO_LOSS = const(22)
GMIN = const(23)
R_FACTOR = const(24)
EXTERNAL_R = const(25)
MOS_LQ = const(26)
MOS_CQ = const(27)
CONFIG = const(28)
NOMINAL = const(30)
MAXIMUM = const(32)
LIMIT = const(34)

# The two parts of CONFIG that differ here: concealment, and whether the jitter buffer adapts (RFC 3611 4.7.6)
CONCEALED = const(0xC0)
SILENCED = const(0x40)
ADAPTIVE = const(0x30)
FIXED = const(0x20)


def read(reader, data, i, limit):
    """Read an XR packet of which data[i:limit] stands behind its first word, into a rtcp.Reader; flags of rtcp."""
    found = 0
    sender = i
    left = _BLOCKS
    i += 4
    while left and limit - i >= 4:
        left -= 1
        kind = data[i]
        stop = i + 4 + ((data[i + 2] << 8 | data[i + 3]) << 2)
        if stop > limit:
            break
        if kind == 7 and stop - i == 36:
            if data.find(reader.own, i + 4, i + 8) >= 0:
                k = 36
                while k:
                    k -= 1
                    reader.metrics[k] = data[i + k]
                found |= _METRICS
        elif kind == 4 and stop - i == 12:
            reader.asked_high = data[i + 6] << 8 | data[i + 7]
            reader.asked_low = data[i + 8] << 8 | data[i + 9]
            k = 4
            while k:
                k -= 1
                reader.asker[k] = data[sender + k]
            found |= _ASKED
        elif kind == 5:
            i += 4
            while left and stop - i >= 12:
                left -= 1
                if data.find(reader.own, i, i + 4) >= 0:
                    reader.echo(data, i + 4)
                    found |= _ECHOED
                i += 12
        i = stop
    return found


def pair(data, at):
    """The number of two bytes at data[at:]."""
    return data[at] << 8 | data[at + 1]
