# What belongs together in Evidence: a request and its answers on one hop, an offer and its answer, and the RTP of both.
# Imports evidence.
#
# One capture may show a message several times: at each hop of a proxy, which has a Via of its own there, and with each
# repetition. A transaction is one hop's (RFC 3261 section 17.1.3: its branch, the CSeq, the method).

from bisect import bisect_right
from dataclasses import dataclass, field
from math import inf

from siplet_tools.wire.evidence import within


@dataclass
class Transaction:
    """requests, answers: [Message, ...] in time; requests is empty when the capture began later."""

    method: str
    call_id: str
    cseq: str
    requests: list = field(default_factory=list)
    answers: list = field(default_factory=list)

    @property
    def first(self):
        return self.requests[0] if self.requests else None

    @property
    def final(self):
        """Its first final answer, or None."""
        return next((one for one in self.answers if one.status >= 200), None)

    @property
    def status(self):
        """Of the final answer, 0 without one."""
        return self.final.status if self.final else 0

    @property
    def hop(self):
        """(source, target) of the request."""
        return self.first.source, self.first.target

    @property
    def starts_dialog(self):
        """Whether its request is none within a dialog."""
        return not self.first.tag("to")


def transactions(evidence):
    """[Transaction, ...] of a request each, in time; those of which the request was not seen are left out."""
    found = {}
    for one in evidence.messages:
        if not one.call_id or not one.cseq:
            continue  # cut, or damaged
        key = (one.call_id, one.cseq, one.method, one.branch)
        if not one.branch.startswith("z9hG4bK"):
            key += (frozenset((one.source, one.target)),)
        entry = found.setdefault(key, Transaction(one.method, one.call_id, one.cseq))
        (entry.answers if one.status else entry.requests).append(one)
    return [one for one in found.values() if one.requests]


def chains(evidence, methods):
    """[[Transaction, ...], ...]: those of one method and Call-ID from one source to one target, in time."""
    found = {}
    for one in transactions(evidence):
        if one.method in methods:
            found.setdefault((one.call_id, one.method, one.hop), []).append(one)
    return list(found.values())


@dataclass
class Exchange:
    """An offer and its answer, agreed on from start to end (s), when the next one came or the call was over.

    offer, answer: message.Audio; ends: the addresses from which each was sent, (offerer's, answerer's); names: the
    accounts of both.
    """

    call_id: str
    offer: object
    answer: object
    ends: tuple
    names: tuple
    start: float
    end: float

    def flows(self, evidence):
        """([(payload types' Flow), ...] towards the offerer, [...] towards the answerer) while it held.

        A side is known by what it asked for, and by from where it sends: not always the same port, or address.
        """
        sides = [
            {(side.address, side.port), (end, side.port)} for side, end in zip((self.offer, self.answer), self.ends)
        ]
        active = {ends: flow for ends, flow in evidence.flows.items() if within(flow.times, self.start, self.end)}
        found = ({}, {})
        for _ in range(3):  # what a new end lets one see
            for (source, target), flow in active.items():
                ways = [target in sides[i] or source in sides[1 - i] for i in (0, 1)]
                if ways[0] != ways[1]:
                    to = ways.index(True)
                    sides[to].add(target)
                    sides[1 - to].add(source)
                    found[to][source, target] = flow
        return tuple([flow for ends, flow in one.items() if ends not in other] for one, other in (found, found[::-1]))

    def heard(self, evidence):
        """Packets (towards the offerer, towards the answerer)."""
        return tuple(sum(within(flow.times, self.start, self.end) for flow in flows) for flows in self.flows(evidence))


def exchanges(evidence):
    """[Exchange, ...] of the calls that were answered, in time, one for each hop."""
    known = transactions(evidence)
    acks, byes, offers = {}, {}, {}
    for one in known:
        if one.method == "ACK":
            acks.setdefault((one.call_id, one.cseq), []).append(one.first)
        elif one.method == "BYE":
            byes[one.call_id] = min(one.first.time, byes.get(one.call_id, one.first.time))
        elif one.method in ("INVITE", "UPDATE"):
            known_offers = offers.setdefault(one.call_id, [])
            if one.status < 300 and (one.method == "INVITE" or one.first.sdp()):  # UPDATE may only say: we are there
                known_offers.append((one.first.time, _identity(one)))
    offers = {call_id: _Offers(found) for call_id, found in offers.items()}
    found = []
    for one in known:
        if one.method not in ("INVITE", "UPDATE") or not 200 <= one.status < 300:
            continue
        request, final = one.first, one.final
        early = [m for m in one.answers if m.status < 300 and m.tag("to") == final.tag("to")]
        pair, start = (request, next((m for m in [final, *early] if m.sdp()), None)), final.time
        swapped = not request.sdp()
        if swapped:  # RFC 3264 section 4 leaves it to the answer to offer
            ack = next((m for m in acks.get((one.call_id, one.cseq), ()) if m.sdp()), None)
            pair, start = (pair[1], ack), ack.time if ack else start
        if not pair[0] or not pair[1] or not pair[0].sdp() or not pair[1].sdp():
            continue
        ends = (request.source[0], request.target[0])
        names = (request.user("from"), request.user("to"))
        end = min(evidence.end, offers[one.call_id].after(one, start), byes.get(one.call_id, evidence.end))
        if end > start:
            found.append(
                Exchange(
                    one.call_id,
                    pair[0].sdp(),
                    pair[1].sdp(),
                    ends[::-1] if swapped else ends,
                    names[::-1] if swapped else names,
                    start,
                    end,
                )
            )
    return found


class _Offers:
    """When one call agreed on something, of its [(time, identity), ...] on all hops."""

    def __init__(self, found):
        self._times, self._identities = zip(*sorted(found)) if found else ((), ())
        self._others = list(range(1, len(found) + 1))  # for each one the place of the next with another identity
        for i in range(len(found) - 2, -1, -1):
            if self._identities[i] == self._identities[i + 1]:
                self._others[i] = self._others[i + 1]

    def after(self, one, start):
        """The time of the first that is after start (s) and not this Transaction on another hop; infinite for none."""
        place = bisect_right(self._times, start)
        if place < len(self._times) and self._identities[place] == _identity(one):
            place = self._others[place]
        return self._times[place] if place < len(self._times) else inf


def _identity(one):
    # The same on all hops
    return one.cseq, one.method, one.first.tag("from")
