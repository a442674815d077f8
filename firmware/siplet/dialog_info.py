# What a phone tells of its calls, application/dialog-info+xml: RFC 4235. May import: markup, errors, limits.
#
# A document is a whole state, or what changed since the one before: Calls puts them together. The lamp of a watched
# phone is what most want to know; the calls are there for who wants to pick one up.

from collections import namedtuple

from siplet.errors import RemoteError
from siplet.limits import DIALOGS
from siplet.markup import attribute, elements, escape, string

TYPE = b"application/dialog-info+xml"

# entity: URI of the watched one; lamp: "idle", "ringing" (a call comes in), "busy"; dialogs: its calls
DialogInfo = namedtuple("DialogInfo", ("entity", "lamp", "dialogs"))
# state: "trying", "proceeding", "early", "confirmed"; direction: "initiator", "recipient", ""; local, remote: URIs;
# call_id and the tags as the watched one has them, for Replaces; each "" where it is not told
Dialog = namedtuple("Dialog", ("id", "state", "direction", "local", "remote", "call_id", "local_tag", "remote_tag"))

_HEAD = b"dialog-info/dialog/"


class Calls:
    """The calls of one that is watched. dialogs: {id: Dialog}; entity: its URI."""

    def __init__(self):
        self.entity = ""
        self.dialogs = {}
        self.version = -1

    def update(self, body):
        """Take a document. False when one before it was missed, and the whole state has to be asked for.

        RemoteError(400) for what is none; nothing has changed then.
        """
        found = []
        state, sides = "", {}
        top = None
        for path, i, text in elements(body):
            if path == b"dialog-info/dialog/state":
                state = string(text).lower()
            elif path == b"dialog-info/dialog":
                if len(found) < DIALOGS:
                    found.append(_dialog(body, i, state, sides))
                state, sides = "", {}
            elif path == b"dialog-info":
                top = i
            elif path in (b"dialog-info/dialog/local/identity", b"dialog-info/dialog/remote/identity"):
                sides[path[19:-9]] = string(text)
            elif path in (b"dialog-info/dialog/local/target", b"dialog-info/dialog/remote/target"):
                sides.setdefault(path[19:-7], string(attribute(body, i, b"uri")))
        if top is None:
            raise RemoteError(400, "dialog-info: there is none")
        version = attribute(body, top, b"version")
        try:
            version = min(int(version), 0x3FFFFFFE)
        except ValueError:
            raise RemoteError(400, "dialog-info: version")
        if attribute(body, top, b"state") != b"partial":
            self.dialogs = {}
        elif version <= self.version:  # told again, or late (RFC 4235 4.3)
            return True
        elif version != self.version + 1 or self.version < 0:
            return False
        self.version = version
        self.entity = string(attribute(body, top, b"entity"))
        for dialog in found:
            self.dialogs.pop(dialog.id, None)
            if dialog.state and dialog.state != "terminated" and len(self.dialogs) < DIALOGS:
                self.dialogs[dialog.id] = dialog
        return True


def _dialog(body, i, state, sides):
    words = [
        string(attribute(body, i, name)) for name in (b"id", b"direction", b"call-id", b"local-tag", b"remote-tag")
    ]
    local, remote = sides.get(b"local", ""), sides.get(b"remote", "")
    return Dialog(words[0], state, words[1], local, remote, words[2], words[3], words[4])


def info(several):
    """The DialogInfo of several Calls together: those of the branches of a subscription that forked."""
    dialogs = []
    entity = ""
    lamp = "idle"
    for calls in several:
        entity = entity or calls.entity
        for dialog in calls.dialogs.values():
            dialogs.append(dialog)
            if dialog.state == "confirmed" or dialog.direction == "initiator":
                lamp = "busy"
            elif lamp == "idle":
                lamp = "ringing"
    return DialogInfo(entity, lamp, dialogs)


def write(entity, version, dialogs):
    """A document (bytes) with the whole state: dialogs, Dialog each with bytes in it."""
    out = b'<?xml version="1.0" encoding="UTF-8"?>\n<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="'
    out += str(version).encode() + b'" state="full" entity="' + escape(entity) + b'">'
    for dialog in dialogs:
        out += b'<dialog id="' + escape(dialog.id) + b'"'
        values = (dialog.call_id, dialog.local_tag, dialog.remote_tag, dialog.direction)
        for name, value in zip((b"call-id", b"local-tag", b"remote-tag", b"direction"), values):
            if value:
                out += b" " + name + b'="' + escape(value) + b'"'
        out += b"><state>" + dialog.state + b"</state>"
        for name, value in ((b"local", dialog.local), (b"remote", dialog.remote)):
            if value:
                out += b"<" + name + b"><identity>" + escape(value) + b"</identity></" + name + b">"
        out += b"</dialog>"
    return out + b"</dialog-info>\n"
