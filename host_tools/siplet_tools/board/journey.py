# The whole way of a board: MicroPython, siplet, its configuration, the start, a test call. Each stage is what a single
# command does, looks first whether it is done, and can be run again. Imports the parts of those commands, errors.

import contextlib
import re
import time
from dataclasses import asdict, dataclass

from siplet_tools.board import building, catalog, deploying, ports, settings
from siplet_tools.board.link import Link
from siplet_tools.board.output import Line, Output
from siplet_tools.board.visit import visit
from siplet_tools.errors import FAILED, ToolError
from siplet_tools.wire import board_log

START_S = 45  # from a restart until the phone is ready and registered: Wi-Fi takes ten of them at times
_REGISTRATION = re.compile(r"registration (\S+) ?(\d*)")
_TROUBLE = re.compile(r"^[a-z0-9_.]+(, [a-z0-9_.]+)*: \S|siplet is not whole|Traceback|MemoryError")


@dataclass
class Stage:
    """name: board, micropython, siplet, configuration, start, call; kind: ok, failed, note or skipped; text, advice."""

    name: str
    kind: str
    text: str
    advice: str = ""

    as_dict = asdict


class Failed(Exception):
    """A stage failed, and those after it make no sense."""


class Journey:
    """Options as of siplet up. run(stage) calls stage(Stage) as each one is done; the list of them, in .stages.

    progress: console.progress. Nothing is changed with dry_run.
    """

    def __init__(self, port, config, progress, board=None, app=None, firmware=None, **options):
        self.port = port
        self.config_path = config
        self.progress = progress
        self.board, self.app, self.firmware = board, app, firmware
        self.options = options
        self.dry_run = options.get("dry_run", False)
        self.stages = []
        self.config = None
        self.ready = None  # its board_log.Ready
        self.report = None
        self.status = 0
        self._told = lambda stage: None
        self._stopped = False  # what ran on the board was interrupted, and nothing has been started since

    def run(self, told=None):
        """True when every stage went well."""
        self._told = told or self._told
        self._prepare()
        try:
            for stage in (self._find, self._micropython, self._siplet, self._configuration, self._start, self._call):
                stage()
        except Failed:
            pass
        finally:
            if self._stopped:
                with contextlib.suppress(ToolError), visit(self.port):
                    pass  # what ran on it goes on
        return all(stage.kind != "failed" for stage in self.stages)

    def _done(self, name, kind, text, advice="", status=FAILED):
        stage = Stage(name, kind, text, advice)
        if kind == "failed":
            self.status = status
        self.stages.append(stage)
        self._told(stage)
        if kind == "failed":
            raise Failed

    def _fail(self, name, error):
        # The exit status is that of the command which does this stage alone
        self._done(name, "failed", str(error), status=error.status)

    def _prepare(self):
        # What is wrong in files is known before the board is touched
        if self.board:
            catalog.board(self.board)
        if self.config_path:
            self.config = settings.read_toml(self.config_path, self.options.get("ask"))
            settings.check(self.config, self.config_path)
            self.app = self.app or self.config.get("app")
        if self.app:
            building.check_app(self.app)

    def _find(self):
        self.port = ports.choose(self.port)
        self._done("board", "ok", self.port)

    def _micropython(self):
        trouble = None
        try:
            with self.progress("asking the board", unit="steps"), Link.open(self.port) as link:
                self._stopped = True
                self.facts = link.facts()
        except ToolError as error:
            trouble = error
        if trouble is None and not self.firmware:
            try:
                building.native(self.facts)
                self._done("micropython", "ok", f"MicroPython {self.facts.version} on {self.facts.machine}")
                return
            except ToolError as error:
                trouble = error
        if trouble and not self.firmware:
            # A port that is not there, or that another program has, wants no firmware
            usable = ports.reopen_error(self.port) is None
            advice = "give a firmware for it: siplet up --firmware FILE.bin" if usable else ""
            self._done("micropython", "failed", str(trouble), advice, trouble.status)
        self._flash()

    def _flash(self):
        from siplet_tools.board import flashing

        self._stopped = False  # esptool starts it
        try:
            done = flashing.flash(
                self.port,
                self.firmware,
                self.options.get("backups", "firmware-backups"),
                self.progress,
                backup=self.options.get("backup", True),
                dry_run=self.dry_run,
            )
        except ToolError as error:
            self._fail("micropython", error)
        if done.skipped:
            self._done("micropython", "ok", f"MicroPython {done.version} is there already ({done.chip})")
        elif self.dry_run:
            self._done("micropython", "note", f"would write MicroPython {done.version} ({done.image})")
        else:
            copy = f"; what was there is in {done.backup}" if done.backup else ""
            self._done("micropython", "ok", f"MicroPython {done.version} written and compared{copy}")

    def _siplet(self):
        try:
            with Link.open(self.port) as link:
                with self.progress("looking", unit="steps") as step:
                    # As a ROMFS image when that is wanted, or what is there is one
                    romfs = self.options.get("romfs") or bool(deploying.read_manifest(link).get("romfs"))
                    plan = deploying.prepare(link, self.board, self.app, romfs, step)
                if not self.dry_run and not plan.empty:
                    with self.progress("deploying") as step:
                        deploying.carry_out(link, plan, step)
        except ToolError as error:
            if self.dry_run and self.stages[-1].kind == "note":
                self._done("siplet", "note", "would deploy siplet, once MicroPython is there")
                return
            self._fail("siplet", error)
        self.board, self.app = plan.board, plan.app
        what = f"siplet {building.version()}, {plan.app} on {plan.board}"
        if plan.empty:
            self._done("siplet", "ok", f"{what}: all {len(plan.same)} files are there")
        elif self.dry_run:
            self._done("siplet", "note", f"would write {len(plan.put)} files and remove {len(plan.stale)}: {what}")
        else:
            self._done("siplet", "ok", f"{what}: {len(plan.put)} files written, {len(plan.stale)} removed")

    def _configuration(self):
        try:
            with Link.open(self.port) as link:
                try:
                    old = settings.read_board(link)
                except settings.Damaged:
                    if self.config is None:
                        raise
                    old = {}  # all of it is written anew
                if self.config is None:
                    if not old:
                        self._done(
                            "configuration", "failed", "the board has no configuration", "siplet up --config FILE.toml"
                        )
                    self.config = old
                    self._done("configuration", "ok", f"the board's own: {len(old)} settings")
                    return
                new = settings.merged(old, self.config, self.board)
                changes = settings.differences(old, new)
                if changes and not self.dry_run:
                    with self.progress("writing the configuration", unit="steps"):
                        settings.write_board(link, new)
                self.config = new
        except ToolError as error:
            if self.dry_run and self.stages[-1].kind == "note":
                self._done("configuration", "note", f"would write {self.config_path}")
                return
            self._fail("configuration", error)
        names = ", ".join(key for key, _, _ in changes[:5]) + (" ..." if len(changes) > 5 else "")
        if not changes:
            self._done("configuration", "ok", f"{self.config_path} is on the board")
        elif self.dry_run:
            self._done("configuration", "note", f"would change {len(changes)} settings: {names}")
        else:
            self._done("configuration", "ok", f"{len(changes)} settings written: {names}")

    def _start(self):
        if self.dry_run:
            self._done("start", "note", "would start the application and wait until it is registered")
            return
        wanted = settings.registers(self.config)
        state, trouble = "", ""
        try:
            with self.progress("starting the phone", unit="s") as step, Link.open(self.port) as link:
                link.restart()
                self._stopped = False
                began = time.monotonic()
                for line in self._lines(link, began):
                    step(int(time.monotonic() - began), START_S)
                    told = _REGISTRATION.match(line)
                    self.ready = board_log.ready(line) or self.ready
                    if told:
                        state = " ".join(part for part in told.groups() if part)
                    elif _TROUBLE.search(line):
                        trouble = line
                    if self.ready and (not wanted or state.startswith("registered")):
                        break
        except ToolError as error:
            self._fail("start", error)
        if not self.ready:
            text = trouble or f"the phone did not start within {START_S} s"
            self._done("start", "failed", text, "see its log: siplet monitor --reset; and siplet check")
        if wanted and not state.startswith("registered"):
            self._done(
                "start",
                "failed",
                f"{self.ready.address} runs at {self.ready.place} and is not registered ({state or 'no answer yet'})",
                "siplet doctor explains why",
            )
        how = "registered" if wanted else "without a server"
        self._done("start", "ok", f"{self.ready.address} at {self.ready.place}, {how}")

    def _lines(self, link, began):
        # What the board logs, "" now and then while it is silent
        output = Output()
        while time.monotonic() - began < START_S:
            for entry in output.feed(link.receive()):
                if isinstance(entry, Line):
                    yield entry.text
            yield ""

    def _call(self):
        if not self.options.get("call", True):
            self._done("call", "skipped", "no test call was wanted")
            return
        if self.dry_run:
            self._done("call", "note", "would call the board and measure what comes")
            return
        from siplet_tools.wire import host_phone

        seconds = self.options.get("seconds", 6)
        try:
            with self.progress("a test call", unit="s") as step:
                self.report = host_phone.test_call(
                    self.options.get("target") or self.ready.target,
                    seconds=seconds,
                    # A board without a microphone has nothing to say
                    expect="sound" if self.config.get("board.microphone_pins") else "silence",
                    account=self.options.get("account", ""),
                    password=self.options.get("password"),
                    live=lambda live: step(int(live.seconds), int(seconds)),
                )
        except ToolError as error:
            self._fail("call", error)
        if self.report.how == "interrupted":  # Ctrl-C ends a call alone, which is measured all the same
            raise KeyboardInterrupt
        for one in self.report.verdicts:
            stage = Stage("call", one.kind, one.text, one.advice)
            self.stages.append(stage)
            self._told(stage)
