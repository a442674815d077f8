# PortAudio in a process of its own, started by sound_card: sound_device.py [RATE]. Imports sounddevice and the
# standard library alone.
#
# Of its own, for when a device is pulled or its sound server ends, PortAudio 19.6 on ALSA writes to standard error for
# ever and never stops, and now and then crashes (PortAudio issue 1037); and its threads want no other work beside them.
#
# Without RATE the devices are opened and closed, and a line of JSON tells {"rate"} or {"error"}. With it: messages on
# standard output, a letter, two bytes of length, low one first, and so many of
#     M  a block of 20 ms that the microphone heard, 16 bits a sample, as the machine has them
#     S  one that the speaker has taken; its byte: blocks that were missing or left out since the last one, 255 at most
#     E  why the devices cannot be opened, UTF-8
# and on standard input the blocks for the speaker, until that ends.

import contextlib
import json
import os
import queue
import signal
import struct
import sys
import threading
from collections import deque

RATES = (8000, 48000, 16000)
BLOCKS_S = 50  # a second
QUEUED = 5  # blocks: 100 ms, most of them for a PC that is busy
HEAD = struct.Struct("<cH")
_LATENCY_S = 0.1  # asked of each device. PulseAudio behind ALSA never recovers from running dry with 60 ms
_NAMES = 6  # devices that are told


class Unusable(Exception):
    """The text says why."""


def supported_rate(library):
    """At which both devices run; Unusable when there is none, or no device."""
    for kind, name in (("input", "microphone"), ("output", "speaker")):
        try:
            library.query_devices(kind=kind)
        except Exception:  # the library's own class, or ValueError
            raise Unusable(f"this computer has no {name} by default; {_names(library)}") from None
    reason = ""
    for rate in RATES:
        try:
            library.check_input_settings(channels=1, dtype="int16", samplerate=rate)
            library.check_output_settings(channels=1, dtype="int16", samplerate=rate)
            return rate
        except Exception as error:
            reason = reason or _line(error)
    raise Unusable(reason)


def _names(library):
    try:
        names = [str(one["name"]) for one in library.query_devices()]
    except Exception:
        names = []
    more = ", ..." if len(names) > _NAMES else ""
    return "PortAudio has " + (", ".join(names[:_NAMES]) or "no device at all") + more


def _line(error):
    return (str(error).splitlines() or [type(error).__name__])[0]


class Devices:
    """Microphone and speaker, open and running; Unusable. tell(kind, payload) is called in PortAudio's threads.

    A stream for each of them: one of both drops what the microphone says while the speaker is not ready, and on a busy
    Linux PC it ends for good.
    """

    def __init__(self, library, rate, tell):
        self._tell = tell
        self._blocks = deque()  # for the speaker
        self._lost = 0
        self._streams = []
        options = {"samplerate": rate, "blocksize": rate // BLOCKS_S, "channels": 1, "dtype": "int16"}
        options["latency"] = _LATENCY_S
        try:
            self._streams.append(library.RawInputStream(callback=self._hear, **options))
            self._streams.append(library.RawOutputStream(callback=self._speak, **options))
            for stream in self._streams:
                stream.start()
        except Exception as error:
            self.close()
            raise Unusable(_line(error)) from None

    def say(self, block):
        """The speaker is to take that block; the oldest one is left out when it is far behind."""
        if len(self._blocks) >= QUEUED:
            with contextlib.suppress(IndexError):
                self._blocks.popleft()
                self._lost += 1
        self._blocks.append(block)

    def close(self):
        streams, self._streams = self._streams, []
        for stream in streams:
            stream.stop()
            stream.close()

    def _hear(self, incoming, frames, time, status):
        self._tell(b"M", bytes(incoming))

    def _speak(self, outgoing, frames, time, status):
        lost, self._lost = self._lost, 0
        data = b""
        try:
            data = self._blocks.popleft()
        except IndexError:
            lost += 1
        outgoing[:] = data[: 2 * frames].ljust(2 * frames, b"\0")
        self._tell(b"S", bytes([min(lost, 255)]))


def check(library):
    """{"rate"} or {"error"}; opens both devices for a moment."""
    try:
        rate = supported_rate(library)
        Devices(library, rate, lambda kind, payload: None).close()
        return {"rate": rate}
    except Unusable as error:
        return {"error": str(error)}


def talk(library, rate, incoming, outgoing):
    """From the binary file incoming to the speaker, from the microphone to outgoing, until incoming ends."""
    messages = queue.SimpleQueue()
    size = 2 * (rate // BLOCKS_S)

    def listen(devices):
        while len(block := incoming.read(size)) == size:
            devices.say(block)
        messages.put(None)

    devices = None
    try:
        devices = Devices(library, rate, lambda *message: messages.put(message))
        threading.Thread(target=listen, args=(devices,), daemon=True).start()
    except Unusable as error:
        messages.put((b"E", str(error).encode()[:1000]))
        messages.put(None)
    while message := messages.get():
        outgoing.write(HEAD.pack(message[0], len(message[1])) + message[1])
        outgoing.flush()
    if devices:
        devices.close()


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the call, and that ends this
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the library is there, PortAudio is not
        print(json.dumps({"missing": str(error)}), flush=True)
        return
    if len(sys.argv) < 2:
        print(json.dumps(check(sounddevice)), flush=True)
    else:
        with contextlib.suppress(BrokenPipeError):
            talk(sounddevice, int(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
    os._exit(0)  # the library's own end may wait for a device for ever
