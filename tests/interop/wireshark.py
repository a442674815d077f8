# Wireshark's tshark as a judge: it catches what passes the loopback interface, and tells what it reads in it.
# Imports the standard library and driver.
#
# Nothing here knows RTP, RTCP or SRTP: what a test compares is what Wireshark has found.

import re
import shutil
import signal
import struct
import subprocess
import time

from driver import need

WARNING = 0x600000  # of _ws.expert.severity; 0x800000 is an error
# start, end, address, port, address, port, SSRC, formats, packets, lost (percent), least and mean delta, four more, X
_STREAM = re.compile(
    r" +[\d.]+ +[\d.]+ +\S+ +(\d+) +\S+ +(\d+) +(0x\w+) +\S.*? +(\d+) +(-?\d+) \(-?[\d.]+%\)"
    r" +[\d.]+ +([\d.]+)(?: +[\d.]+){4} *(\S*)"
)
_BETWEEN = "\x1f"  # values of one field: no text has it


class Pcap:
    """A file of packets. reads: how they are taken, such as "udp.port==5070,sip"; more may be added."""

    def __init__(self, path, *reads):
        self.path = str(path)
        self.reads = list(reads)

    def _run(self, *arguments):
        command = ["tshark", "-r", self.path, *arguments]
        for read in self.reads:
            command += ["-d", read]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def rows(self, which, *fields):
        """[{field: [its values, text]}] of the packets that a display filter lets through, in the order of time."""
        command = ["-Y", which, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=" + _BETWEEN]
        for field in fields:
            command += ["-e", field]
        rows = [line.split("\t") for line in self._run(*command).split("\n")[:-1]]
        return [{name: [v for v in text.split(_BETWEEN) if v] for name, text in zip(fields, row)} for row in rows]

    def complaints(self, which):
        """What Wireshark warns of in those packets, or finds malformed."""
        found = []
        for row in self.rows(which, "frame.number", "_ws.expert.severity", "_ws.expert.message", "_ws.malformed"):
            texts = zip(row["_ws.expert.severity"], row["_ws.expert.message"])
            said = [text for severity, text in texts if int(severity) >= WARNING] + row["_ws.malformed"]
            found += [f"packet {row['frame.number'][0]}: {text}" for text in said]
        return found

    def streams(self):
        """{SSRC: its figures} of `tshark -z rtp,streams`, as a telephone engineer reads them: ports, packets, lost,
        mean_delta in ms, problem.
        """
        found = {}
        for line in self._run("-q", "-z", "rtp,streams").splitlines():
            match = _STREAM.match(line)
            if match:
                source, target, ssrc, packets, lost, delta, problem = match.groups()
                found[ssrc.lower()] = {
                    "ports": (int(source), int(target)),
                    "packets": int(packets),
                    "lost": int(lost),
                    "mean_delta": float(delta),
                    "problem": problem,
                }
        return found


class Capture(Pcap):
    """tshark listening to UDP on the loopback interface; a context manager. What it caught is read after stop()."""

    def __init__(self, path, *reads):
        need("" if shutil.which("tshark") else "tshark is not installed (make peers)")
        super().__init__(path, *reads)
        command = ["tshark", "-i", "lo", "-f", "udp", "-w", self.path, "-F", "pcap"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in self._process.stderr:
            if "Capturing on" in line:
                break
        time.sleep(0.5)

    def stop(self):
        """Listen no longer."""
        if self._process.poll() is None:
            time.sleep(0.5)
            self._process.send_signal(signal.SIGINT)
            self._process.wait(10)
        self._process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()


def write_pcap(path, packets):
    """Writes [(seconds, source port, target port, data)] as a capture file with raw IPv4 (link type 101)."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for number, (at, source, target, data) in enumerate(packets):
            udp = struct.pack(">HHHH", source, target, 8 + len(data), 0) + data
            head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0)
            ip = head + 2 * b"\x7f\0\0\1" + udp
            file.write(struct.pack("<IIII", int(at), int(at % 1 * 1e6), len(ip), len(ip)) + ip)
