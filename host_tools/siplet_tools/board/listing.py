# Who the attached boards are. Imports ports, visit, errors.

from dataclasses import dataclass

from siplet_tools.board import ports
from siplet_tools.errors import ToolError


@dataclass
class Found:
    """attached: ports.Attached; facts: facts.Facts, or None; trouble: why there are none, "" when nobody asked."""

    attached: ports.Attached
    facts: object = None
    trouble: str = ""

    def as_dict(self):
        return {
            **self.attached.as_dict(),
            "facts": self.facts.as_dict() if self.facts else None,
            "trouble": self.trouble or None,
        }

    def row(self):
        """The cells of the table of siplet boards."""
        if not self.facts:
            return (self.attached.port, self.attached.what, "", self.attached.serial_number, self.trouble or "?", "")
        told = self.facts
        siplet = f"{told.siplet} {told.app} on {told.board}" if told.siplet else "not there: siplet deploy"
        return (self.attached.port, self.attached.what, told.chip, told.mac, told.version, siplet)


def attached(ask=True, progress=None, port=None):
    """[Found, ...]. ask: whether their MicroPython is asked who it is; the board goes on with main.py afterwards. port:
    that one alone, whether it is known to be a board's or not.

    progress(done, total) counts boards. A board that cannot be asked is in the list, with its trouble.
    """
    from siplet_tools.board.visit import visit

    found = []
    there = ports.attached()
    if port:
        there = [one for one in there if one.port == port] or [ports.Attached(port, "named")]
    for i, one in enumerate(there):
        entry = Found(one)
        if ask:
            try:
                with visit(one.port) as link:
                    entry.facts = link.facts()
            except ToolError as error:
                entry.trouble = str(error).removeprefix(one.port + ": ")
        found.append(entry)
        if progress:
            progress(i + 1, len(there))
    return found
