"""A phone is closed on a heap that is full but for small pieces: what it needs for that it has kept itself."""

import os
import subprocess

import pytest
from siplet_tools import compiler, interpreter

BUILD = "build/test_close_full_heap"
# {heap}: bytes of heap; then all of it is taken but for pieces shorter than {least}
STORY = """
import asyncio, gc
from siplet.phone import Phone

taken = None

async def main():
    global taken
    options = dict(local_address="127.0.0.1", local_port=0, register=False, sound={{"sound.complete": False}})
    phone = Phone("sip:door@127.0.0.1", **options)
    await phone.__aenter__()
    await asyncio.sleep_ms(50)
    gc.collect()
    size = 1 << 19
    while size >= {least}:
        try:
            taken = bytearray(size), taken
        except MemoryError:
            size >>= 1
    error = None
    try:
        await phone.close()
    except MemoryError as caught:
        error = caught
    taken = None
    gc.collect()
    print("error", error, "socket", phone.udp.socket)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def modules():
    """The path of the firmware as a board gets it: to compile sources takes more heap than there is."""
    compiler.compile_board("x64", BUILD, "unix")
    return os.path.join(interpreter.ROOT, BUILD) + ":.frozen"


@pytest.mark.parametrize("heap", ["400k", "500k"])
@pytest.mark.parametrize("least", [256, 512])
def test_a_phone_is_closed_where_only_small_pieces_of_heap_are_left(modules, tmp_path, heap, least):
    story = tmp_path / "story.py"
    story.write_text(STORY.format(least=least))
    command = [interpreter.find(), "-X", f"heapsize={heap}", str(story)]
    environment = {**os.environ, "MICROPYPATH": modules}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=30)
    assert run.stdout.splitlines()[-1:] == ["error None socket None"], run.stdout + run.stderr
