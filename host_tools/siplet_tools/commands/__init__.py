# The commands of `siplet`: a table of them, each in a file of its own that is loaded when it is asked for. Thin: they
# parse, call what stands below them, and print. Each has a click command named `command`. Imports click alone, so that
# --help is there at once.

import contextlib
import importlib

import click

# The words of `siplet --help`, in the order in which a board's life goes. Each names a file of commands/.
COMMANDS = {
    "up": "The whole way: flash, deploy, provision, register, a test call, the verdict.",
    "boards": "The boards that are known, and the ones on a cable.",
    "flash": "MicroPython onto an ESP32, after a backup of what is there.",
    "deploy": "siplet, an application and the board's files onto the board: what has changed.",
    "provision": "Wi-Fi, accounts and settings; for one board, or a fleet from a CSV.",
    "monitor": "The board's log as it comes, a ladder of its SIP, a capture for Wireshark.",
    "check": "The board tests itself: a verdict a line, and what to do.",
    "call": "This computer calls the board and measures what comes.",
    "answer": "This computer waits for the board's call.",
    "doctor": "Explains a capture, a log or a live board in plain words.",
    "virtual": "A board without hardware, to try all of this on.",
    "completion": "Completion for bash, zsh or fish.",
}
EXAMPLE = """\b
First steps, without any hardware:
  siplet virtual &
  siplet up --config door.toml
Help with examples for each: siplet COMMAND --help
"""


class Seconds(click.FloatRange):
    """As FloatRange; not a number is none."""

    def convert(self, value, param, ctx):
        found = super().convert(value, param, ctx)
        if found != found:
            self.fail(f"{value} is no number.", param, ctx)
        return found


class ReaderGone(Exception):
    """A pipe that we write to has no reader any more."""


@contextlib.contextmanager
def _piped():
    # click would end the process by itself, with the status of a failure
    try:
        yield
    except BrokenPipeError:
        raise ReaderGone from None


class Table(click.Group):
    """A group whose commands are loaded one by one."""

    def make_context(self, *arguments, **options):
        with _piped():
            return super().make_context(*arguments, **options)

    def invoke(self, context):
        with _piped():
            return super().invoke(context)

    def list_commands(self, context):
        return list(COMMANDS)

    def get_command(self, context, name):
        if name not in COMMANDS:
            return None
        return importlib.import_module("siplet_tools.commands." + name).command

    def format_commands(self, context, formatter):
        # Without loading one of them
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, context, arguments):
        try:
            return super().resolve_command(context, arguments)
        except click.UsageError:
            import difflib

            near = difflib.get_close_matches(arguments[0], COMMANDS, 1)
            hint = f"did you mean {near[0]}?" if near else "siplet --help lists them"
            raise click.UsageError(f"no command {arguments[0]}: {hint}", context) from None


@click.command(cls=Table, epilog=EXAMPLE, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="siplet-tools", message="siplet %(version)s")
def siplet():
    """From a bare board on a USB cable to a measured test call."""
