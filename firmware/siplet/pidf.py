# Presence documents, application/pidf+xml: RFC 3863, and activities of RFC 4480. May import: markup, errors, limits.

from collections import namedtuple

from siplet.errors import RemoteError
from siplet.limits import TUPLES
from siplet.markup import attribute, elements, escape, string

TYPE = b"application/pidf+xml"

# Whom it is about: URI; open: whether they can be reached by anything, None when it does not say; note: text; activity:
# a word of RFC 4480 3.2 such as "away", "busy", "on-the-phone", ""; tuples: what they can be reached by, or not
Presence = namedtuple("Presence", ("entity", "open", "note", "activity", "tuples"))
Tuple = namedtuple("Tuple", ("id", "open", "contact", "note"))


def read(body):
    """The Presence in a document (bytes); all text in it is str. RemoteError(400) for what is none."""
    entity = None
    notes = ["", "", ""]  # of everything, of the person, of the first tuple that has one
    activity = ""
    tuples = []
    basic, contact, note = None, "", ""
    for path, i, text in elements(body):
        if path == b"presence/tuple/status/basic":
            word = text.lower()
            basic = True if word == b"open" else False if word == b"closed" else None
        elif path == b"presence/tuple/contact":
            contact = string(text)
        elif path == b"presence/tuple/note":
            note = note or string(text)
        elif path == b"presence/tuple":
            if len(tuples) < TUPLES:
                tuples.append(Tuple(string(attribute(body, i, b"id")), basic, contact, note))
            notes[2] = notes[2] or note
            basic, contact, note = None, "", ""
        elif path == b"presence/note":
            notes[0] = notes[0] or string(text)
        elif path == b"presence/person/note":
            notes[1] = notes[1] or string(text)
        elif path.startswith(b"presence/person/activities/") and path.count(b"/") == 3:
            if not path.endswith(b"/note"):
                activity = activity or string(path[27:])
        elif path == b"presence":
            entity = string(attribute(body, i, b"entity"))
    if entity is None:
        raise RemoteError(400, "PIDF: no presence")
    stand = [one.open for one in tuples]
    stand = True if True in stand else False if False in stand else None
    return Presence(entity, stand, notes[0] or notes[1] or notes[2], activity, tuples)


def write(entity, is_open, note="", activity="", identity="siplet"):
    """A document (bytes) of one tuple, which needs an id of its own. activity: a word of RFC 4480, or ""."""
    out = b'<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf"'
    if activity:
        out += b' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"'
    out += b' entity="' + escape(entity) + b'"><tuple id="t' + escape(identity) + b'"><status><basic>'
    out += b"open" if is_open else b"closed"
    out += b"</basic></status>"
    if note:
        out += b"<note>" + escape(note) + b"</note>"
    out += b"</tuple>"
    if activity:
        out += b'<dm:person id="person"><rpid:activities><rpid:' + escape(activity)
        out += b"/></rpid:activities></dm:person>"
    return out + b"</presence>\n"
