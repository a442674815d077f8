# A short stay at a board whose application goes on afterwards. Imports link, errors.

import contextlib

from siplet_tools.board.link import Link
from siplet_tools.errors import NO_BOARD, ToolError


@contextlib.contextmanager
def visit(port):
    """with visit(port) as link: whatever becomes of it, the board's application is started again, if the line lives."""
    with Link.open(port) as link:
        try:
            yield link
        except BaseException as error:
            if getattr(error, "status", None) != NO_BOARD:
                with contextlib.suppress(ToolError):
                    link.enter()
                    link.restart()
            raise
        with contextlib.suppress(ToolError):  # what was asked for is done
            link.restart()
