# How evenly we send: the times between the RTP packets of a call, ours and a real baresip's in the same call, as tshark
# saw both on the wire.

import os
import shutil
import subprocess
import tempfile
import time

import doorphone
from siplet_tools.process import Process, ProcessError, wait_until
from table import doing, table

CALL_S = 60
_MS = 1000


def show():
    missing = doorphone.missing() or ("" if shutil.which("tshark") else "tshark is not installed (make peers)")
    if missing:
        print(f"\nSend pacing: not measured, {missing}")
        return
    with (
        doorphone.house() as (server, indoor),
        doorphone.door_phone(server, indoor) as door,
        tempfile.TemporaryDirectory() as folder,
    ):
        try:
            times = capture(folder, door)
        except PermissionError as error:
            print(f"\nSend pacing: not measured, {error}")
            return
    rows = []
    for name, ours in (("siplet on MicroPython", True), ("baresip", False)):
        rows.append([name, *spread([at for at, port in times if (door.port < port < door.port + 40) == ours])])
    table(
        f"Times between packets of a {CALL_S} s call, in milliseconds",
        ["sent by", "packets", "mean", "std. deviation", "1 % below", "1 % above", "shortest", "longest"],
        rows,
    )


def capture(folder, door):
    """[(seconds, source port), ...] of the RTP packets of one call; PermissionError when we may not capture."""
    file = os.path.join(folder, "call.pcapng")
    ports = f"udp portrange {door.port + 2}-{door.port + 39}"
    command = ["tshark", "-q", "-i", "lo", "-f", ports, "-w", file]
    door.wait("registration registered", 5)
    with Process("tshark", command, folder) as tshark:
        try:
            wait_until(lambda: os.path.exists(file) and "Capturing" in tshark.output(), 10, "capture", tshark)
        except ProcessError:
            raise PermissionError(f"tshark may not capture: {tshark.tail(3).strip()}") from None
        time.sleep(0.5)  # it says so a little early
        door.ask("press bell")
        door.wait("talking", 5)
        for second in range(CALL_S):
            doing(f"send pacing, {CALL_S - second} s to go")
            time.sleep(1)
        door.ask("hangup")
        door.wait("call ended", 5)
        time.sleep(0.5)
    fields = [
        "tshark",
        "-r",
        file,
        "-Y",
        "udp.length == 180",
        "-T",
        "fields",
        "-e",
        "frame.time_epoch",
        "-e",
        "udp.srcport",
    ]
    done = subprocess.run(fields, capture_output=True, text=True)
    return [(float(at), int(port)) for at, port in (line.split() for line in done.stdout.splitlines())]


def spread(times):
    """[packets, mean, standard deviation, 1st and 99th percentile, least, most] of the gaps, in ms."""
    gaps = sorted((times[i] - times[i - 1]) * _MS for i in range(1, len(times)))
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    cut = len(gaps) // 100
    figures = (mean, deviation, gaps[cut], gaps[-1 - cut], gaps[0], gaps[-1])
    return [len(times), *(f"{figure:.2f}" for figure in figures)]
