"""Draws a trace of SIP messages as a ladder: who, an arrow, the message, its key facts, the time.

Imports trace_file, which reads such a trace. Secrets are never shown: the answer to a digest challenge, passwords in
URIs, keys of SRTP and ICE are masked, and control characters cannot reach the terminal.
"""

import argparse
import os
import re
import sys
import time

from siplet_tools.trace_file import Follower

_WRAP = 0x3FFFFFFF
_LANES = 4  # peers side by side; no screen has room for more
_REMEMBERED = 256  # messages, more than come in the 32 s for which one is repeated (RFC 3261 section 17.1)
_DETAILS = 200  # characters beside an arrow

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}
COMPACT.update({"c": "content-type", "e": "content-encoding", "s": "subject", "k": "supported"})

_RESET = "\033[0m"
_COLOURS = {"request": "\033[36m", "1": "\033[33m", "2": "\033[32m", "error": "\033[31m", "note": "\033[1;35m"}
_DIM = "\033[2m"


def masked(data):
    """The message (bytes) as printable text without its secrets, header lines unfolded."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    head, gap, body = text.partition("\n\n")
    text = re.sub(r"\n[ \t]+", " ", head) + gap + body  # a body may quote a message (RFC 3420)
    text = re.sub(r"(?im)^((?:proxy-)?authorization[ \t]*:[ \t]*)(?!digest\b)\S.*$", r"\1***", text)
    secret = r'(?i)\b(response|rspauth|password)([ \t]*=[ \t]*)("(?:[^"\\]|\\.)*"?|[^\s,;]+)'
    lines = []
    for line in text.split("\n"):
        if re.match(r"(?i)(proxy-)?authoriz|authentication-info", line):
            line = re.sub(secret, r'\1\2"***"', line)
        lines.append(line)
    keys = r"(?mi)(\binline:|^a=ice-pwd:)[^\s|;]+|^(k=).*$"
    text = re.sub(keys, lambda key: (key[1] or key[2]) + "***", "\n".join(lines))
    return _printable(_no_password(text))


def _no_password(text):
    # A run of characters is looked through once, whatever stands in it
    return re.sub(r'[^\s<>"]+', lambda run: ",".join(map(_plain, re.split(r"(?i),(?=sips?:)", run[0]))), text)


def _plain(uri):
    # Users and passwords may have whatever is no "@", and careless ones that, too
    scheme = re.search(r"(?i)sips?:", uri)
    at = uri.find("@", scheme.end()) if scheme else -1
    colon = uri.find(":", scheme.end(), at) if at >= 0 else -1
    return uri if colon < 0 else uri[:colon] + ":***" + uri[uri.rfind("@") :]


def _printable(text):
    return "".join(char if char == "\n" or char.isprintable() else "." for char in text)


def headers(data):
    """({full lower-case name: [value, ...]}, first line, body) of a message, as text, secrets masked."""
    head, _, body = masked(data).partition("\n\n")
    first, _, rest = head.partition("\n")
    found = {}
    for line in rest.split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            found.setdefault(COMPACT.get(name, name), []).append(value.strip())
    return found, first, body


def facts(data):
    """(title, details, kind): the text on the arrow, the text beside it, and "request", "1", "2" or "error"."""
    found, first, body = headers(data)
    response = re.match(r"SIP/\d\.\d (\d{3}) ?(.*)", first)
    request = re.match(r"([A-Za-z0-9.!%*_+`'~-]+) (\S+) SIP/\d", first)
    if response:
        title = (response[1] + " " + response[2]).strip()
        kind = response[1][0] if response[1][0] in "12" else "error"
        details = ["CSeq " + found.get("cseq", ["?"])[0]]
    elif request:
        title = request[1] + " " + re.sub(r"[;?].*", "", request[2])
        kind = "request"
        details = ["CSeq " + found.get("cseq", ["?"])[0].split(" ")[0]]
    else:
        return f"({len(data)} bytes, no SIP message)", "", "error"
    for name, what in (("www-authenticate", "challenge"), ("proxy-authenticate", "challenge")):
        for value in found.get(name, ()):
            algorithm = re.search(r'(?i)\balgorithm[ \t]*=[ \t]*"?([\w-]+)', value)
            details.append(what + " " + (algorithm[1] if algorithm else "MD5"))
    users = []
    for value in found.get("authorization", []) + found.get("proxy-authorization", []):
        user = re.search(r'(?i)\busername[ \t]*=[ \t]*"([^"]*)"', value)
        users.append("credentials of " + (user[1] if user else "?"))
    details.extend(dict.fromkeys(users))
    method = found.get("cseq", ["? ?"])[0].split(" ")[-1]
    if method == "REGISTER" and kind in ("request", "2"):
        expires = found.get("expires", []) + re.findall(r"(?i);\s*expires=(\d+)", " ".join(found.get("contact", [])))
        details.extend(["expires " + value for value in expires[-1:]])
    for name in ("retry-after", "min-expires", "unsupported"):
        details.extend(name + " " + value for value in found.get(name, ()))
    details.extend(_body_facts(found.get("content-type", [""])[0].lower(), body))
    return title, ", ".join(details), kind


def _body_facts(kind, body):
    if kind.startswith("application/sdp"):
        names = {"0": "PCMU", "8": "PCMA"}
        names.update((number, name) for number, name in re.findall(r"(?m)^a=rtpmap:(\d+) ([^/\s]+)", body))
        audio = re.search(r"(?m)^m=audio (\d+) \S+ (.*)$", body)
        if audio:
            yield " ".join(names.get(number, number) for number in audio[2].split()) + " at port " + audio[1]
        way = re.search(r"(?m)^a=(sendonly|recvonly|inactive)\b", body)
        if way or re.search(r"(?m)^c=IN IP4 0\.0\.0\.0", body):
            yield way[1] if way else "on hold"
    elif kind.startswith("application/dtmf-relay"):
        digit = re.search(r"(?i)signal\s*=\s*(\S)", body)
        yield "digit " + (digit[1] if digit else "?")
    elif kind.startswith("application/dtmf"):
        yield "digit " + (body.strip()[:1] or "?")
    elif kind:
        yield kind.split(";")[0]


class Ladder:
    """Turns records and notes into lines of text; `colour` adds terminal colours, `plain` keeps to ASCII.

    own: the name of the traced phone; names: {"host:port": name} of those it talks to; a peer not named there gets
    a lane under its address when it first appears, at last that of who was silent longest. Times are counted from the
    first thing that is drawn. What is kept is bounded, however long it goes on.
    """

    _LANE = 44

    def __init__(self, own="siplet", names=None, colour=False, plain=False):
        self._own = own
        self._names = dict(names or {})
        self._lanes = list(dict.fromkeys(self._names.values()))
        self._colour = colour
        self._bar, self._dash, self._left, self._right, self._dot, self._cut = "|-<>*~" if plain else "│─◀▶●…"
        self._start = None
        self._spoke = dict.fromkeys(self._lanes)  # the lanes, who was silent longest first
        self._seen = {}  # hashes of messages, the oldest first

    def message(self, record):
        """Lines (one, or two more when a new peer appears) for a traced message."""
        lines = self._open(record.ticks)
        name = self._names.get(record.peer) or self._short(_printable(record.peer), self._LANE - 1)
        if name not in self._spoke:
            self._take_lane(name)
            lines.append(self._heading())
        self._spoke.pop(name, None)
        self._spoke[name] = None
        title, details, kind = facts(record.data)
        details = self._short(details, _DETAILS)
        key = hash((record.sent, record.data))
        if key in self._seen:
            details += ", again"
            del self._seen[key]
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        # The text of an arrow stands at the side of its author.
        width = self._LANE * (self._lanes.index(name) + 1) - 1
        title = self._short(title, width - 8)
        fill = self._dash * (width - len(title) - 3)
        arrow = f" {title} {fill}{self._right}" if record.sent else f"{self._left}{fill} {title} "
        rest = "".join(" " * (self._LANE - 1) + self._bar for _ in self._lanes[self._lanes.index(name) + 1 :])
        line = self._time(record.ticks) + self._bar
        lines.append(line + self._paint(kind, arrow) + self._bar + rest + "  " + self._paint("", details))
        return lines

    def note(self, ticks, text, away=False):
        """Lines for something that is no message (a state, the relay); away: at the (last) peer instead of here."""
        lines = self._open(ticks)
        text = _printable(text)
        width = self._LANE * max(1, len(self._lanes)) - 1
        inner = f"{text} {self._dot} ".rjust(width) if away else f" {self._dot} {text}".ljust(width)
        lines.append(self._time(ticks) + self._bar + self._paint("note", inner) + self._bar)
        return lines

    def _take_lane(self, name):
        if len(self._lanes) < _LANES:
            self._lanes.append(name)
        else:
            silent = next(iter(self._spoke))
            del self._spoke[silent]
            self._lanes[self._lanes.index(silent)] = name

    def _short(self, text, most):
        return text if len(text) <= most else text[: most - 1] + self._cut

    def _open(self, ticks):
        if self._start is not None:
            return []
        self._start = ticks
        return [self._heading()] if self._lanes else []

    def _heading(self):
        line = " " * 11 + self._own.ljust(self._LANE)
        return line + "".join(name.ljust(self._LANE) for name in self._lanes)

    def _time(self, ticks):
        return f"{(ticks - self._start & _WRAP) / 1000:8.3f} s "

    def _paint(self, kind, text):
        if not self._colour or not text:
            return text
        return _COLOURS.get(kind, _DIM) + text + _RESET


def draw(records, **options):
    """The whole ladder of an iterable of Records as one text; options as for Ladder."""
    ladder = Ladder(**options)
    return "".join(line.rstrip() + "\n" for record in records for line in ladder.message(record))


def main(arguments=None):
    """Prints the ladder of a trace file, whole, or live until interrupted."""
    parser = argparse.ArgumentParser(prog="ladder", description="Draw a trace of SIP messages as a ladder.")
    parser.add_argument("trace", help="file written under the configuration key log.sip")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as the file grows")
    parser.add_argument("-m", "--messages", action="store_true", help="show each message under its arrow")
    parser.add_argument("--name", default="siplet", help="what to call the phone that wrote the trace")
    parser.add_argument("--plain", action="store_true", help="no colours, no line-drawing characters")
    choice = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")
    unicode = "utf" in (sys.stdout.encoding or "").lower()
    colour = sys.stdout.isatty() and not choice.plain
    ladder = Ladder(choice.name, colour=colour, plain=choice.plain or not unicode)
    trace = Follower(choice.trace)
    if not choice.follow:
        try:
            open(choice.trace, "rb").close()
        except OSError as error:
            print(f"{choice.trace}: {error.strerror}", file=sys.stderr)
            return 2
    try:
        while True:
            for record in trace.new():
                for line in ladder.message(record):
                    print(line.rstrip())
                if choice.messages:
                    print("    " + masked(record.data).rstrip().replace("\n", "\n    ") + "\n")
            sys.stdout.flush()
            if not choice.follow:
                return 0
            time.sleep(0.1)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
