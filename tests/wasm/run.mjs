// MicroPython's 32-bit WebAssembly port under node: small ints of 31 bits and the heap layout of a board, no sockets, no viper.
//
//     node tests/wasm/run.mjs [OPTIONS] tests/unit/test_uri.py ... [::part]     runs test files (tests/run_device.py)
//     node tests/wasm/run.mjs [OPTIONS] --script FILE.py [ARGUMENT ...]         runs a script, `await` allowed at its top
//     node tests/wasm/run.mjs [OPTIONS] --alive MODULE ...                      imports modules, one after the other, and
//                                                                               prints "MODULE BYTES": what each left alive
//         --heap=N[k|m]     the heap it starts with (1m); --fixed fails when it had to grow
//         --firmware=DIR    takes siplet from that folder, of .mpy files say; default firmware
//         --romfs=IMAGE     takes siplet from a ROMFS image, which the port mounts at /rom
//
// This port collects garbage only while JavaScript has control: inside one stretch of Python without an await nothing is
// freed, and the heap grows (a new area is added) instead of raising MemoryError. So gc.mem_alloc() counts exactly what a
// stretch allocated, and what is alive is known after an `await asyncio.sleep(0)`.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

// node would print the source line of an uncaught error, and the port's whole glue code is one line
const die = (error) => {
  console.error(`${error?.name ?? "Error"}: ${String(error?.message ?? error).slice(0, 4000)}`);
  process.exit(1);
};
process.on("uncaughtException", die);
process.on("unhandledRejection", die);

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const argv = process.argv.slice(2);
const options = {};
while (argv[0]?.startsWith("--")) {
  const [key, value] = argv.shift().slice(2).split("=");
  options[key] = value ?? true;
  if (key === "script" || key === "alive") break;
}

const [, number, unit] = /^(\d+)([km]?)$/i.exec(options.heap ?? "1m") ?? die("--heap=N, Nk or Nm");
const heapsize = number * { "": 1, k: 1024, m: 1048576 }[unit.toLowerCase()];

const { loadMicroPython } = await import("@micropython/micropython-webassembly-pyscript/micropython.mjs");
let capture = null;
const mp = await loadMicroPython({
  heapsize,
  pystack: 8192,
  stdout: (line) => (capture ? capture.push(line) : console.log(line)),
  stderr: (line) => console.error(line),
  romfs: options.romfs ? fs.readFileSync(options.romfs) : undefined,
});

// The project's folders, in the places they have in the tree
function copy(folder, target) {
  mp.FS.mkdir(target);
  for (const entry of fs.readdirSync(path.resolve(root, folder), { withFileTypes: true })) {
    const from = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (!["tests/wasm", "tests/host", "tests/interop"].includes(from) && entry.name !== "__pycache__")
        copy(from, `${target}/${entry.name}`);
    } else {
      mp.FS.writeFile(`${target}/${entry.name}`, fs.readFileSync(path.resolve(root, from)));
    }
  }
}
if (!options.romfs) copy(options.firmware ?? "firmware", "/firmware");
copy("tests", "/tests");

// The first number that a piece of Python prints after `pattern`
function ask(code, pattern) {
  capture = [];
  mp.runPython(code);
  const text = capture.join("\n");
  capture = null;
  return Number(pattern.exec(text)[1]);
}
const total = () => ask("import micropython\nmicropython.mem_info()", /total: (\d+)/);
const alive = () => {
  mp.runPython("import gc\ngc.collect()"); // takes place when control is back here
  return ask("print(gc.mem_alloc())", /(\d+)/);
};

const before = total();
const quoted = JSON.stringify(argv.map(String));
try {
  mp.runPython(`import sys\nsys.path[:] = ["${options.romfs ? "/rom" : "/firmware"}", ".frozen"]`);
  mp.FS.chdir("/");
  if (options.alive) {
    // asyncio is on every phone, frozen into the interpreter; for an import, a socket's names are enough
    mp.runPython(`
import asyncio, sys
class socket:
    AF_INET = SOCK_DGRAM = 2
    AF_INET6 = 10
    getaddrinfo = staticmethod(lambda host, port, *_: [(2, 2, 0, "", (host, port))])
sys.modules["socket"] = socket
sys.path += ["/tests/alloc", "/tests/bench"]
`);
    for (const name of argv) {
      const given = alive();
      mp.runPython(`import ${name}`);
      console.log(name, alive() - given);
    }
  } else if (options.script) {
    mp.runPython(`import sys\nsys.argv[:] = ${quoted}\nsys.path.append("/tests/bench")`);
    await mp.runPythonAsync(fs.readFileSync(argv[0], "utf8"));
  } else {
    await mp.runPythonAsync(`
import sys
sys.path.append("/tests")
import run_device
arguments = ${quoted}
part = arguments.pop()[2:] if arguments and arguments[-1].startswith("::") else ""
good = (await run_device.run_async(arguments, part)).good()
`);
    if (!mp.globals.get("good")) process.exitCode = 1;
  }
} catch (error) {
  // A Python traceback is an ordinary way to end; exit(0) and exit() are not failures
  const ended = error?.type === "SystemExit" && /SystemExit: ?0?\s*$/.test(error.message);
  if (!ended) {
    console.error(String(error?.message ?? error).slice(0, 4000));
    process.exitCode = 1;
  }
}
const after = total();
if (after > before && options.fixed) {
  console.error(`the heap of ${before} bytes grew to ${after}`);
  process.exitCode = 1;
}
