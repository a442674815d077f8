# The command `siplet`: runs it, and makes an exit status of what happens. The only place that shows an error. Imports
# errors alone: whatever takes longer has to be where Ctrl-C is heard, for it may come at once.

import os
import sys

from siplet_tools.errors import FAILED, INTERRUPTED, READER_GONE, USAGE, ToolError


def main(arguments=None):
    """The exit status of `siplet ARGUMENTS`."""
    try:
        return _status(arguments)
    except BrokenPipeError:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:  # Python tries once more at its end, and would complain
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return READER_GONE


def _status(arguments):
    try:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")
        import click

        from siplet_tools import commands, console

        console.json_mode(False)  # of a command that came before in this process
        return commands.siplet.main(arguments, prog_name="siplet", standalone_mode=False) or 0
    except ToolError as error:
        _show(error)
        return error.status
    except KeyboardInterrupt:
        return _stopped()
    except click.exceptions.Abort:  # Ctrl-C within click, or the end of the input at a prompt
        return _stopped()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return USAGE
    except click.ClickException as error:
        hint = f" ({error.ctx.command_path} --help)" if getattr(error, "ctx", None) and error.ctx.parent else ""
        _show(error.format_message() + hint)
        return USAGE
    except commands.ReaderGone:
        raise BrokenPipeError from None
    except BrokenPipeError:
        raise
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


def _stopped():
    sys.stderr.write("siplet: stopped\n")
    return INTERRUPTED


def _show(error):
    import click

    from siplet_tools import console

    # Boards and networks have a word in it, and the command line
    click.secho(f"siplet: {console.clean(' '.join(str(error).split()))}", fg="red", err=True)


if __name__ == "__main__":
    sys.exit(main())
