# What modules leave alive on the heap: imports them one after the other and prints "MODULE BYTES" for each.
# The WebAssembly port collects only when JavaScript has control: there tests/wasm/run.mjs --alive does the same.

import asyncio  # noqa: F401  on every phone, frozen into the interpreter: given
import gc
import sys

sys.path += ["tests/alloc", "tests/bench"]
for module in sys.argv[1:]:
    gc.collect()
    given = gc.mem_alloc()
    __import__(module)
    gc.collect()
    print(module, gc.mem_alloc() - given)
