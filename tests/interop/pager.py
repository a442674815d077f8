# Speaks one page to a multicast group, on MicroPython, for test_paging_ffmpeg.py: pager.py GROUP:PORT CODEC WAV SECONDS

import asyncio
import sys

from siplet.audio.wav import Wav
from siplet.phone import Phone
from siplet.platform import sleep_ms


async def main(group, codec, path, seconds):
    sound = {"sound.complete": codec == "G722"}  # a plain phone speaks the others, too
    where = {"local_address": "127.0.0.1", "local_port": 0}
    async with Phone("sip:pager@127.0.0.1", audio=Wav(path), sound=sound, **where) as phone:
        async with phone.page(group, codec=codec) as page:
            await sleep_ms(int(1000 * float(seconds)))
        print("sent", page.stats.sent, "unsent", page.stats.unsent)


asyncio.run(main(*sys.argv[1:]))
