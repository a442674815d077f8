# The one kind of error that a person sees: one line that says what is wrong and what to do. Imports nothing.

FAILED = 1  # what was asked for did not work
USAGE = 2  # the command line, a file or the configuration is wrong
NO_BOARD = 3  # no board there, or its port cannot be used
INTERRUPTED = 130


class ToolError(Exception):
    """text: one line for the user, without secrets; status: the exit status. cli shows it and nothing else."""

    def __init__(self, text, status=FAILED):
        super().__init__(" ".join(str(text).split()))
        self.status = status
