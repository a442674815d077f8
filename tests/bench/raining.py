# A phone under so many broken messages, on MicroPython: `raining.py SEED MESSAGES`. Prints ten lines "MESSAGES|HEAP",
# HEAP being the bytes that are alive when the phone is at rest, then "REFUSED|DROPPED|SLOWEST": how many requests were
# refused, how many messages got no answer, and the microseconds that the slowest of all took. An exception ends it, and
# what brings it back is printed: the seed, the number of the message, its bytes.

import gc
import sys
import time

sys.path[:0] = ["tests/flow", "tests/unit"]

from storm import Storm  # noqa: E402


def alive():
    for _ in range(3):
        gc.collect()
    return gc.mem_alloc()


def main(seed, count):
    storm = Storm(seed)
    endpoint = storm.desk.endpoint
    receive = endpoint.receive
    slowest = [0]

    def timed(data, source, now):
        start = time.ticks_us()
        receive(data, source, now)
        took = time.ticks_diff(time.ticks_us(), start)
        if took > slowest[0]:
            slowest[0] = took

    endpoint.receive = timed
    for tenth in range(1, 11):
        while storm.count < count * tenth // 10:
            try:
                storm.blow(min(2000, count * tenth // 10 - storm.count))
                storm.calm()
            except Exception:
                print("seed", seed, "message", storm.count, storm.last)
                raise
        print("%d|%d" % (storm.count, alive()))
    print("%d|%d|%d" % (endpoint.refused, endpoint.dropped, slowest[0]))


main(int(sys.argv[1]), int(sys.argv[2]))
