# Compact header forms: RFC 3261 section 7.3.3, and those of the extensions (RFC 3515, 3892, 4028, 6665). Loaded when a
# phone is to write them. Imports builder. What is repeated of a message that came keeps its spelling.

from siplet.sip.builder import Builder

_FORMS = (
    b" allow-events:u contact:m content-encoding:e content-type:c event:o from:f call-id:i refer-to:r referred-by:b"
    b" session-expires:x subject:s supported:k to:t via:v "
)


class Compact(Builder):
    """As Builder; our own headers go by one letter where they have one."""

    def header(self, name, *parts):
        """Adds one header of parts (bytes, str or int), one behind the other."""
        i = _FORMS.find(b" " + name.lower() + b":")
        if i >= 0:
            i += len(name) + 2
            name = _FORMS[i : i + 1]
        super().header(name, *parts)

    def end(self):
        """Adds Content-Length and the body; returns the finished message as a memoryview."""
        self.header(b"l", len(self._body))
        self.line()
        self._put(self._body)
        return memoryview(self._buffer)[: self._n]
