"""Servers found through a real name server, dnsmasq: SRV, NAPTR, aliases, answers too long for UDP, and none at all."""

import json
import os
import subprocess
import sys

import dnsmasq
import pytest
from driver import HERE, ROOT, need
from siplet.limits import DNS_RETRY
from siplet_tools import interpreter
from siplet_tools.process import free_ports

PROVIDER = (
    "srv-host=_sip._udp.sip.test,b.sip.test,5062,20,0",
    "srv-host=_sip._udp.sip.test,a.sip.test,5070,10,5",
    "srv-host=_sips._tcp.sip.test,a.sip.test,5071,10,5",
    "host-record=a.sip.test,127.0.0.11",
    "host-record=b.sip.test,127.0.0.12,2001:db8::12",
    "host-record=sip.test,127.0.0.99",
)


class Asker:
    """asker.py on an interpreter: ask(server, destination, ...) returns a list of targets for each destination."""

    def __init__(self, python, environment):
        folders = [os.path.join(ROOT, name) for name in ("firmware", "host_tools/siplet_tools/shim")]
        self.environment = {**environment, "PYTHONPATH": os.pathsep.join(folders)}
        self.python = python
        self.ms = 0  # that the last one took

    def __call__(self, server, *destinations):
        command = [self.python, os.path.join(HERE, "asker.py"), server, *destinations]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, done.stderr
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.ms = rows[-1]["ms"]
        return [[tuple(target) for target in row["targets"]] for row in rows]


@pytest.fixture(params=["MicroPython", "CPython"])
def ask(request):
    if request.param == "CPython":
        return Asker(sys.executable, os.environ)
    return Asker(interpreter.find(), interpreter.environment())


@pytest.fixture
def names(started, tmp_path):
    """names(*lines, **options) starts a dnsmasq that knows those."""
    need(dnsmasq.missing())
    return lambda *lines, **options: started(dnsmasq.Dnsmasq(tmp_path / "dnsmasq", *lines, **options))


def test_srv_records_lead_to_servers_in_their_order(names, ask):
    server = names(*PROVIDER)
    assert ask(server.server, "sip.test:0") == [[("127.0.0.11", 5070), ("127.0.0.12", 5062)]]
    assert server.questions() == [("SRV", "_sip._udp.sip.test"), ("A", "a.sip.test"), ("A", "b.sip.test")]
    assert ask(server.server, "SIP.test:0:TLS") == [[("127.0.0.11", 5071)]]


def test_without_srv_records_or_with_a_port_the_name_itself_serves(names, ask):
    server = names(*PROVIDER, "cname=www.test,web.test", "cname=web.test,sip.test", "host-record=six.test,2001:db8::6")
    assert ask(server.server, "sip.test:0:TCP", "sip.test:5080", "www.test:0", "six.test:0", "sip.test:0:WSS") == [
        [("127.0.0.99", 5060)],
        [("127.0.0.99", 5080)],
        [("127.0.0.99", 5060)],
        [("2001:db8::6", 5060)],
        [("127.0.0.99", 443)],
    ]


def test_naptr_records_choose_the_transport(names, ask):
    server = names(
        *PROVIDER,
        "naptr-record=sip.test,50,50,s,SIPS+D2T,,_sips._tcp.sip.test",
        "naptr-record=sip.test,90,50,s,SIP+D2U,,_sip._udp.sip.test",
    )
    assert ask(server.server, "sip.test:0:*") == [[("127.0.0.11", 5071, "TLS")]]
    assert server.questions()[0] == ("NAPTR", "sip.test")


def test_an_answer_too_long_for_udp_comes_over_tcp(names, ask):
    hosts = [f"a-host-with-a-long-name-indeed-{i}.sip.test" for i in range(12)]
    lines = [f"srv-host=_sip._udp.long.test,{host},{5060 + i},{i},0" for i, host in enumerate(hosts)]
    lines += [f"host-record={host},127.0.1.{i}" for i, host in enumerate(hosts)]
    server = names(*lines)
    assert ask(server.server, "long.test:0") == [[(f"127.0.1.{i}", 5060 + i) for i in range(8)]]
    assert server.questions()[:2] == [("SRV", "_sip._udp.long.test")] * 2  # again, over TCP


def test_a_name_that_does_not_exist_fails_at_once(names, ask):
    server = names(*PROVIDER)
    assert ask(server.server, "nowhere.test:0", "_nothing.sip.test:5060") == [[], []]
    assert ask.ms < 500


def test_a_name_server_that_is_gone_does_not_hinder_the_next(names, ask):
    server = names(*PROVIDER)
    gone = f"127.0.0.1:{free_ports()}"
    assert ask(f"{gone},{server.server}", "sip.test:5060") == [[("127.0.0.99", 5060)]]
    assert DNS_RETRY <= ask.ms < DNS_RETRY + 1000
