# Several accounts of one phone at once: servers, credentials and transports of their own.

import asyncio

from siplet import LocalError, Phone, platform
from siplet.audio.null import Null
from siplet.sip.builder import Builder
from siplet.sip.header import param
from siplet.sip.message import Message

NEEDS = ("sockets",)
HERE = "127.0.0.1"


class Server(Phone):
    """A registrar made of a phone: it grants what is asked for, and can call back. names: who registered."""

    def __init__(self, **options):
        super().__init__(
            f"sip:server@{HERE}", local_address=HERE, local_port=0, audio=Null(), accept=("open",), **options
        )
        self.registered = []

    def _take(self, data, source):
        message = Message(data)
        if message.method != b"REGISTER":
            super()._take(data, source)
            return
        self.registered.append((param(message.header(b"to"), b"tag"), message.header(b"to"), source))
        builder = Builder()
        builder.reply(message, 200, source, b"s")
        builder.copy(message, b"contact")
        builder.header(b"Expires", message.header(b"expires"))
        self._send(bytes(builder.end()), source)


async def until(condition):
    for _ in range(150):
        if condition():
            return True
        await platform.sleep_ms(20)
    return False


async def test_two_accounts_at_two_servers_over_two_transports():
    async with Server() as home, Server(streams={}) as work:
        door = Phone(
            f"sip:door@{HERE}:{home.local_port}", register=True, local_address=HERE, local_port=0, audio=Null()
        )
        async with door:
            office = door.add_account(f"sip:gate@{HERE}:{work.local_port}", register=True, transport="tcp")
            assert await door.wait_registered(3000) and await until(lambda: office.registration == "registered")
            assert len(home.registered[0][2]) == 2 and home.registered[0][1].startswith(b"<sip:door@")
            assert work.registered[0][2][2] == b"TCP" and work.registered[0][1].startswith(b"<sip:gate@")
            # A call goes out by the account whose domain it is for, as who we are there
            for server, me in ((home, "door"), (work, "gate")):
                task = asyncio.create_task(server.incoming(timeout_ms=3000))
                call = door.call(f"sip:desk@{HERE}:{server.local_port}", timeout_ms=3000)
                waits = asyncio.create_task(call.connect(3000))
                there = await task
                assert there.remote.startswith(f"sip:{me}@")
                await there.answer()
                await waits
                await call.hangup()
        assert await until(lambda: len(home.registered) > 1 and len(work.registered) > 1)  # both were taken back
        assert door.faults == home.faults == work.faults == 0


async def test_a_call_comes_in_at_either_account():
    async with Server() as home, Server() as work:
        door = Phone(
            f"sip:door@{HERE}:{home.local_port}", register=True, local_address=HERE, local_port=0, audio=Null()
        )
        async with door:
            door.add_account(f"sip:gate@{HERE}:{work.local_port}", register=True)
            assert await until(lambda: home.registered and work.registered)
            for server, user in ((home, "door"), (work, "gate")):
                task = asyncio.create_task(door.incoming(timeout_ms=3000))
                call = server.call(f"sip:{user}@{HERE}:{door.local_port}", timeout_ms=3000)
                waits = asyncio.create_task(call.connect(3000))
                there = await task
                assert there.account.user == user.encode()
                await there.answer()
                await waits
                await call.hangup()


async def test_only_our_servers_may_ask_for_a_password_in_a_call_that_comes_in():
    options = {"local_port": 0, "audio": Null()}
    async with Server() as home, Phone("sip:x@127.0.0.2", local_address="127.0.0.2", **options) as stranger:
        address = f"sip:door@{HERE}:{home.local_port}"
        door = Phone(address, password="p", register=False, local_address=HERE, accept=("open",), **options)
        async with door:
            door.add_account(f"sip:gate@{HERE}:{home.local_port}", password="q")
            assert await until(lambda: home.registered)
            for caller in (home, stranger):
                call = caller.call(f"sip:gate@{HERE}:{door.local_port}", timeout_ms=3000)
                task = asyncio.create_task(call.connect(3000))
                there = await door.incoming(3000)
                assert there.account is door.accounts[1]
                assert there.session.credentials is (there.account.credentials if caller is home else None)
                await there.answer()
                await task
                await call.hangup()
        try:
            Phone(address, password="p", user="door\r\nX: y", **options)
            raise AssertionError("taken")
        except LocalError:
            pass
