# Whether messages wait in a mailbox, application/simple-message-summary: RFC 3842. May import: errors, limits.

from collections import namedtuple

from siplet.errors import RemoteError
from siplet.limits import SUMMARY_LINES

TYPE = b"application/simple-message-summary"

# waiting: whether there is anything new; account: URI of the mailbox, "" when it is not told; counts: by the class of
# message, "voice", "fax" ...: (new, old, new and urgent, old and urgent)
Summary = namedtuple("Summary", ("waiting", "account", "counts"))


def read(body):
    """The Summary in a body (bytes). RemoteError(400) for what is none."""
    waiting = None
    account = ""
    counts = {}
    for line in body.split(b"\n", SUMMARY_LINES)[:SUMMARY_LINES]:
        name, _, value = line.partition(b":")
        name = name.strip().lower()
        value = value.strip()
        try:
            if not name and waiting is not None:  # what follows is about single messages (5.2)
                break
            if name == b"messages-waiting":
                waiting = value.lower() == b"yes"
            elif name == b"message-account":
                account = value.decode()
            elif name.endswith(b"-message"):
                counts[name[:-8].decode()] = _numbers(value)
        except UnicodeError:
            pass
    if waiting is None:
        raise RemoteError(400, "message-summary: Messages-Waiting is missing")
    return Summary(waiting, account, counts)


def _numbers(value):
    # "2/8 (0/2)" or "2/8"; what cannot be read counts as none
    found = []
    for word in value.replace(b"(", b"/").replace(b")", b"").split(b"/")[:4]:
        word = word.strip()
        found.append(int(word) if word.isdigit() and len(word) < 9 else 0)
    return tuple(found + [0] * (4 - len(found)))
