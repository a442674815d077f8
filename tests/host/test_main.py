# firmware/main.py in a process of MicroPython, as a user starts it: what is said when it cannot start, and both
# applications with a phone on this CPython at the other end.

import asyncio
import json
import os
import signal
import socket
import subprocess

import pytest
from siplet.audio.null import Null
from siplet.phone import Phone
from siplet_tools import interpreter
from siplet_tools.process import Process, free_ports, wait_until

MAIN = os.path.join(interpreter.ROOT, "firmware", "main.py")


def start(folder, *arguments):
    """(exit status, all that was printed) of main.py with these arguments."""
    done = subprocess.run(
        [interpreter.find(), MAIN, *arguments],
        cwd=folder,
        env=interpreter.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )
    return done.returncode, done.stdout + done.stderr


def write(folder, **groups):
    groups.setdefault("sip", {}).setdefault("address", "sip:test@127.0.0.1")
    groups["sip"].setdefault("local_address", "127.0.0.1")
    groups["sip"].setdefault("accept", ["open"])
    groups["sip"].setdefault("local_port", 0)
    path = folder / "config.json"
    path.write_text(json.dumps(groups))
    return "config.json"


USAGE = "usage: main.py CONFIG.json [--app NAME]\n"


@pytest.mark.parametrize("arguments", [(), ("a.json", "b.json"), ("--app",), ("a.json", "--app"), ("--help",)])
def test_a_wrong_command_line_is_one_line_of_usage(tmp_path, arguments):
    assert start(tmp_path, *arguments) == (2, USAGE)


@pytest.mark.parametrize(
    "groups, line",
    [
        ({"sip": {"adress": "x"}}, "sip.adress: no such key, did you mean sip.address?"),
        ({"sip": {"local_port": "5060"}}, "sip.local_port: must be a whole number"),
        ({"app": "dorphone"}, "app: no application dorphone in apps/"),
        ({"app": "door.phone"}, "app: no application door.phone in apps/"),
        ({"audio": {"play": "none.wav"}}, "audio: none.wav: cannot be read"),
        ({"log": {"sip": "no/such/folder"}}, "log.sip: no/such/folder: cannot be written"),
        ({"log": {"sip": "console all"}}, "log.sip: must be console, console headers, console whole or a file"),
        (
            {"paging": {"groups": ["224.0.1.75"]}},
            "paging.groups: 224.0.1.75: a port is wanted behind the group, such as 224.0.1.75:10000",
        ),
        (
            {"sound": {"complete": False, "srtp_encryption": "require"}},
            "sound.srtp_encryption: require wants sound.complete",
        ),
        ({"sip": {"address": "sip:a@"}}, "sip.address, sip.registrar: cannot be used (bad host)"),
    ],
)
def test_a_wrong_configuration_is_one_line_that_names_the_key(tmp_path, groups, line):
    assert start(tmp_path, write(tmp_path, **groups)) == (2, line + "\n")


def test_a_port_that_is_taken_is_one_line(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        status, text = start(tmp_path, write(tmp_path, sip={"local_port": port}))
    assert status == 2 and text.count("\n") == 1
    assert text.startswith(f"sip.local_address, sip.local_port: 127.0.0.1:{port} cannot be opened (another program has")


def test_no_secret_is_ever_printed(tmp_path):
    config = write(tmp_path, sip={"password": "hunter2", "registrar": "127.0.0.1:9"}, doorphone={"code": "4711"})
    with App(tmp_path, config) as app:
        app.quit()
    assert "hunter2" not in app.process.output() and "4711" not in app.process.output()


class App:
    """main.py in a process; a context manager that ends it."""

    def __init__(self, folder, config, *arguments):
        settings = json.loads((folder / config).read_text())
        self.control = settings.setdefault("control", {})["port"] = free_ports()
        (folder / config).write_text(json.dumps(settings))
        command = [interpreter.find(), MAIN, config, *arguments]
        self.process = Process("app", command, folder, interpreter.environment())
        try:
            ready = wait_until(lambda: self.said(" ready as "), 10, "start", self.process)
        except Exception:
            self.process.stop()
            raise
        self.port = int(ready.rpartition(":")[2])

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.process.stop()

    def said(self, text):
        """The first line with this text, or None."""
        return next((line for line in self.process.output().splitlines() if text in line), None)

    async def until(self, text):
        for _ in range(250):
            if self.said(text):
                return True
            await asyncio.sleep(0.02)
        raise AssertionError(f"did not say {text}:\n{self.process.output()}")

    def command(self, line):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.sendto(line.encode(), ("127.0.0.1", self.control))
            return sock.recv(1000).decode().strip()

    def quit(self):
        """Told to quit, it says so and ends."""
        assert self.command("quit") == "ok"
        wait_until(lambda: not self.process.running, 10, "end")
        assert self.process.output().splitlines()[-1].endswith(" closed")


def indoors(**more):
    return Phone(
        "sip:indoors@127.0.0.1", local_address="127.0.0.1", local_port=0, audio=Null(), accept=("open",), **more
    )


def test_somebody_calls_the_echo(tmp_path):
    config = write(tmp_path, echo={"answer_ms": 200})

    async def story(app):
        async with indoors() as phone, phone.call(f"sip:echo@127.0.0.1:{app.port}", timeout_ms=5000) as call:
            await app.until("talking to sip:indoors@127.0.0.1")
            assert await call.send_digits("5", form="info")
            await app.until("digit 5")
            await asyncio.sleep(0.3)
            assert call.stats.received > 5
            assert app.command("status") == "registration off, calls up"
        await app.until("end of the call with sip:indoors@127.0.0.1")

    with App(tmp_path, config, "--app", "echo") as app:
        asyncio.run(story(app))
        assert app.command("status") == "registration off, calls none"
        app.quit()


@pytest.mark.parametrize("form", ["info", "rtp"])
def test_the_bell_rings_and_a_code_opens_the_door(tmp_path, form):
    async def story(phone, app):
        assert app.command("bell") == "ok"
        call = await phone.incoming(timeout_ms=5000)
        async with call:
            await call.answer()
            await app.until("talking")
            assert await call.send_digits("12", form=form)
            await app.until("code wrong")
            assert app.command("relay") == "off"
            assert await call.send_digits("42", form=form)
            await app.until("relay on")
            assert app.command("relay") == "on"
        await app.until("relay off")
        await app.until("call ended")

    async def whole():
        async with indoors() as phone:
            target = f"sip:indoors@127.0.0.1:{phone.local_port}"
            config = write(tmp_path, doorphone={"targets": [target], "code": "42", "relay_ms": 500})
            with App(tmp_path, config) as app:
                await story(phone, app)
                app.quit()

    asyncio.run(whole())


def test_control_c_in_a_call_hangs_up_and_ends(tmp_path):
    async def story(app):
        async with indoors() as phone, phone.call(f"sip:door@127.0.0.1:{app.port}", timeout_ms=5000) as call:
            await app.until("talking")
            os.kill(app.process._child.pid, signal.SIGINT)
            assert await call.ended(timeout_ms=5000)
            assert call.how == "remote"

    with App(tmp_path, write(tmp_path)) as app:
        asyncio.run(story(app))
        wait_until(lambda: not app.process.running, 10, "end")
        assert app.said(" closed") and "Traceback" not in app.process.output()
