# PESQ and delay of what quality.py recorded; run by the peers' Python, which has pesq and numpy.
#
#     judge.py WORK.json      prints [[PESQ, ms], ...]
#
# Each sentence is found where it correlates best; the delay is the median over them, for a jitter buffer moves.

import json
import sys

import numpy
from pesq import pesq

RATE = 8000


def shift(said, heard):
    """The sample of heard at which said begins, by correlation."""
    size = 1 << (len(said) + len(heard)).bit_length()
    product = numpy.fft.irfft(numpy.fft.rfft(heard, size) * numpy.conj(numpy.fft.rfft(said, size)), size)
    return int(numpy.argmax(product[: len(heard)]))


def sentences(said):
    """(start, end) of what lies between pauses of 0.3 s."""
    loud = numpy.abs(said) > 0.02 * numpy.abs(said).max()
    places = numpy.flatnonzero(loud)
    cuts = numpy.flatnonzero(numpy.diff(places) > 0.3 * RATE)
    starts = [places[0], *places[cuts + 1]]
    ends = [*places[cuts], places[-1]]
    return [(start, end) for start, end in zip(starts, ends) if end - start > 0.4 * RATE]


def judge(said, lead, heard, moment):
    heard = numpy.array(heard, dtype=float)
    delays = []
    for start, end in sentences(said):
        place = shift(said[start:end], heard)
        delays.append(moment + place / RATE - (lead + start / RATE))
    delay = float(numpy.median(delays))
    begin = round((lead + delay - moment) * RATE) - RATE // 4
    part = heard[max(0, begin) : begin + len(said) + RATE // 2]
    score = pesq(RATE, said.astype(numpy.int16), part.astype(numpy.int16), "nb")
    return [float(score), 1000 * delay]


with open(sys.argv[1], encoding="utf-8") as file:
    work = json.load(file)
said = numpy.array(work["said"], dtype=float)
print(json.dumps([judge(said, work["lead"], task["heard"], task["moment"]) for task in work["tasks"]]))
