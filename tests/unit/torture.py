# The torture messages of RFC 4475 and of RFC 5118, its sister for IPv6, and what is to become of each.
#
# verdicts.tsv has a line for each: what the RFC lets a phone do with it over UDP (`ok` is whatever it would do with a
# message without blemish), what siplet does, the word that its Warning then holds, and what the RFC says itself.

from siplet.sip.message import Message

FOLDER = __file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else ".."
FOLDER += "/vectors/"

# The headers that an answer with this status must have, besides the Warning (RFC 3261 8.2)
NEEDED = {405: b"allow", 501: b"allow", 415: b"accept", 420: b"unsupported"}


def load(name, rfc="rfc4475"):
    """The bytes of one message, by its name in the RFC."""
    with open(FOLDER + rfc + "/" + name + ".dat", "rb") as file:
        return file.read()


def _rows(rfc):
    rows = []
    with open(FOLDER + rfc + "/verdicts.tsv") as file:
        for line in file:
            row = line.rstrip("\n").split("\t")
            if row[0].endswith(".dat"):
                rows.append([row[0][:-4]] + row[1:])
    return rows


def verdicts(rfc="rfc4475"):
    """[(name, class, what a phone does over UDP)]: "valid", "liberal", "invalid"; "ok", "400", "400|ok", "drop"..."""
    return [(row[0], row[3], row[4]) for row in _rows(rfc)]


def cases(rfc="rfc4475"):
    """[Case] of all messages of that RFC."""
    return [Case(row, rfc) for row in _rows(rfc)]


class Case:
    """One message: name, data (bytes); allowed, expected: lists of "ok", "drop" and statuses; warning: str."""

    def __init__(self, row, rfc):
        self.name = row[0]
        self.data = load(self.name, rfc)
        self.allowed = row[4].split("|")
        self.expected = row[7].split("|")
        self.warning = row[8]

    def judge(self, answers):
        """AssertionError when the answers that came, bytes and the first ones first, are not what the verdict says."""
        first = Message(answers[0]) if answers else None
        outcome = str(first.status) if first else "drop"
        request = Message(self.data) if first else None
        assert outcome in self.expected, (self.name, outcome, self.expected)
        well = outcome not in ("400", "505") and (first or self.data[:4] == b"SIP/")
        assert outcome in self.allowed or (well and "ok" in self.allowed), (self.name, outcome, self.allowed)
        if not first:
            return
        if well:
            first.check()  # what is broken is repeated as it came
        # 8.2.6.2: what an answer repeats, so that it finds its transaction
        for name in (b"call-id", b"from", b"cseq"):
            assert first.header(name) == request.header(name), (self.name, name)
        assert len(first.lines(b"via")) == len(request.lines(b"via")), self.name
        for answer in answers[1:]:
            again = Message(answer)
            assert again.header(b"call-id") == first.header(b"call-id") and again.status >= first.status, self.name
        if first.status < 300:
            return
        needed = NEEDED.get(first.status)
        assert not needed or first.header(needed), (self.name, needed)
        warning = (first.header(b"warning") or b"").decode()
        assert warning.startswith('399 siplet "') and self.warning in warning.lower(), (self.name, warning)
