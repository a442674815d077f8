# libsrtp (Cisco's, PyPI's pylibsrtp) opens what was caught on the wire: libsrtp_open.py, run by the peers' Python.
# Imports the standard library and pjsua, which knows that Python.

import json
import os
import subprocess

from pjsua import HERE, PYTHON, has


def missing():
    """What has to be installed, as one line; "" when all is there."""
    return "" if has("pylibsrtp") else "pylibsrtp is not installed (make peers)"


def open_all(suite, key, packets):
    """The packets (bytes, SRTP and SRTCP of one sender in the order of time) in plain; None in the place of each that
    does not fit the key. suite: as a=crypto names it; key: master key and salt, base64.
    """
    wish = {"suite": suite, "key": key, "packets": [packet.hex() for packet in packets]}
    command = [PYTHON, os.path.join(HERE, "libsrtp_open.py")]
    done = subprocess.run(command, input=json.dumps(wish), capture_output=True, text=True, timeout=60, check=True)
    return [text and bytes.fromhex(text) for text in json.loads(done.stdout)]
