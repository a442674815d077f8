# The one kind of error that a person sees: one line that says what is wrong and what to do. Imports nothing.

FAILED = 1  # what was asked for did not work
USAGE = 2  # the command line, a file or the configuration is wrong
NO_BOARD = 3  # no board there, or its port cannot be used
INTERRUPTED = 130  # Ctrl-C, as shells say it: 128 and the number of the signal
READER_GONE = 141  # nobody reads what is written, | head: the same for SIGPIPE


class ToolError(Exception):
    """text: one line for the user, without secrets; status: the exit status. cli shows it and nothing else."""

    def __init__(self, text, status=FAILED):
        super().__init__(" ".join(str(text).split()))
        self.status = status
