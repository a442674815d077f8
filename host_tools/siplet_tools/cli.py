# The command `siplet`: a table of commands, each in a file of its own loaded when it is asked for. Imports click
# and errors alone, so that --help is there at once. The only place that shows an error.

import importlib
import os
import sys

import click

from siplet_tools.errors import FAILED, INTERRUPTED, USAGE, ToolError

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


class Table(click.Group):
    """A group whose commands are loaded one by one."""

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


def main(arguments=None):
    """The exit status of `siplet ARGUMENTS`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    from siplet_tools import console

    console.json_mode(False)  # of a command that came before in this process
    try:
        return siplet.main(arguments, prog_name="siplet", standalone_mode=False) or 0
    except ToolError as error:
        _show(error)
        return error.status
    except click.exceptions.Abort:  # Ctrl-C, or the end of the input at a prompt
        click.echo("siplet: stopped", err=True)
        return INTERRUPTED
    except KeyboardInterrupt:
        click.echo("siplet: stopped", err=True)
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return USAGE
    except click.ClickException as error:
        hint = f" ({error.ctx.command_path} --help)" if getattr(error, "ctx", None) and error.ctx.parent else ""
        _show(error.format_message() + hint)
        return USAGE
    except BrokenPipeError:  # | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # of this computer: a disk that is full, a file that may not be written
        _show(f"{error.filename}: {error.strerror}" if error.filename else error.strerror or error)
        return FAILED
    except Exception as error:
        if os.environ.get("SIPLET_TRACE"):
            raise
        # Its text and its trace may hold what was typed or read: a password, for one
        place = error.__traceback__
        while place.tb_next:
            place = place.tb_next
        where = f"{os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno}"
        _show(
            f"a fault of siplet itself, {type(error).__name__} at {where}: SIPLET_TRACE=1 shows more, please report it"
        )
        return FAILED


def _show(error):
    click.secho(f"siplet: {' '.join(str(error).split())}", fg="red", err=True)


if __name__ == "__main__":
    sys.exit(main())
