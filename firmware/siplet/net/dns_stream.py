# DNS over TCP, RFC 7766: one question to one server, when the answer over UDP was cut. Loaded when that happens.
# May import siplet.platform and limits.

import asyncio

from siplet import platform
from siplet.limits import DNS_STREAM


async def ask(server, packet, ms):
    """The answer (bytes) of server (host, port) to packet; None when none came within ms, or a longer one."""
    try:
        return await platform.within(_ask(server, packet), ms)
    except (OSError, EOFError, asyncio.TimeoutError):
        return None


async def _ask(server, packet):
    reader, writer = await asyncio.open_connection(server[0], server[1])
    try:
        writer.write(bytes((len(packet) >> 8, len(packet) & 255)) + packet)
        await writer.drain()
        size = await reader.readexactly(2)
        size = size[0] << 8 | size[1]
        return await reader.readexactly(size) if size <= DNS_STREAM else None
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            pass
