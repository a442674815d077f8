# The peers of the interop tests as fixtures. A test whose peer is not installed is skipped, or fails: driver.need().
# Every program runs on ports of its own and is ended by its own process id.

import contextlib

import features
import kamailio as kamailio_peer
import pytest
import sipp as sipp_peer
from driver import INDOOR, Puppet, need
from siplet_tools import baresip as baresip_peer


def pytest_configure(config):
    config.addinivalue_line("markers", "features(*names): what a test shows; see features.py")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    features.note(item, outcome.get_result())


@pytest.fixture
def started():
    """started(context manager) enters it and ends it after the test, the last one first."""
    with contextlib.ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture
def kamailio(started, tmp_path):
    """kamailio(**options) starts a Kamailio."""
    need(kamailio_peer.missing())
    return lambda *parts, **options: started(kamailio_peer.Kamailio(tmp_path / "kamailio", parts, **options))


@pytest.fixture
def baresip(started, tmp_path):
    """baresip(server=None, user="indoor", **options) starts a baresip with that account; it says indoor.wav."""
    need(baresip_peer.missing())

    def start(server=None, user="indoor", **options):
        options.setdefault("says", INDOOR)
        password = kamailio_peer.PASSWORDS.get(user, "")
        return started(baresip_peer.Baresip(tmp_path / ("baresip-" + user), user, password, server, **options))

    return start


@pytest.fixture
def sipp(started, tmp_path):
    """sipp(scenario, target, **options) starts a SIPp."""
    need(sipp_peer.missing())
    numbers = iter(range(100))
    return lambda scenario, *a, **k: started(sipp_peer.Sipp(tmp_path / f"sipp-{next(numbers)}", scenario, *a, **k))


@pytest.fixture
def puppet(started, tmp_path):
    """puppet(server=None, user="door", **options) starts a siplet phone on MicroPython, registered with the server."""

    def start(server=None, user="door", **options):
        registered = server and "password" not in options
        if server:
            options.setdefault("password", kamailio_peer.PASSWORDS[user])
        phone = started(Puppet(tmp_path / ("puppet-" + user), f"sip:{user}@{server or '127.0.0.1'}", **options))
        if registered:
            assert phone.do("wait_registered")["registered"], phone.log()
        return phone

    return start
