# XML as presence documents use it: elements with attributes and text, nothing declared. Bounded, and never more than
# one pass. May import: errors, limits.
#
# Prefixes of namespaces are left out: which element is meant is told by those around it. A document type is refused,
# since it could define entities that grow; an entity that nobody knows stays as it is written. What is not well-formed
# is RemoteError(400), as for every other part of a message.

from siplet.errors import RemoteError
from siplet.limits import XML_DEPTH, XML_ELEMENTS

_SPACE = b" \t\r\n"
_ENTITIES = (b"amp", 38, b"lt", 60, b"gt", 62, b"quot", 34, b"apos", 39)


def _bad(text):
    return RemoteError(400, "XML: " + text)


def elements(data):
    """Every element of a document (bytes) when it ends: (path, head, text). Children come before their parents.

    path: b"presence/tuple/status"; head: what stands in its tag, for attribute(); text: its own, stripped, bytes.
    """
    paths, heads, texts = [], [], []
    i = count = 0
    if data.startswith(b"\xef\xbb\xbf"):
        i = 3
    while True:
        left = data.find(b"<", i)
        piece = data[i : left if left >= 0 else len(data)]
        if texts:
            texts[-1] += plain(piece)
        elif piece.strip(_SPACE):
            raise _bad("text outside the document")
        if left < 0:
            break
        if data.startswith(b"<!--", left):
            i = _behind(data, b"-->", left + 4)
        elif data.startswith(b"<?", left):
            i = _behind(data, b"?>", left + 2)
        elif data.startswith(b"<![CDATA[", left) and texts:
            i = _behind(data, b"]]>", left + 9)
            texts[-1] += data[left + 9 : i - 3]
        elif data.startswith(b"<!", left):
            raise _bad("a document type")
        elif data.startswith(b"</", left):
            i = _behind(data, b">", left + 2)
            if not heads or _name(heads[-1]) != data[left + 2 : i - 1].strip(_SPACE):
                raise _bad("an end without a beginning")
            yield paths.pop(), heads.pop(), texts.pop().strip(_SPACE)
        else:
            i = _tag_end(data, left + 1)
            empty = data[i - 2] == 47
            head = data[left + 1 : i - 1 - empty]
            name = _name(head)
            path = name[name.rfind(b":") + 1 :]
            count += 1
            if not path or (count > 1 and not paths):
                raise _bad("an element out of place")
            if count > XML_ELEMENTS or len(paths) >= XML_DEPTH:
                raise _bad("too many elements")
            if paths:
                path = paths[-1] + b"/" + path
            if empty:
                yield path, head, b""
            else:
                paths.append(path)
                heads.append(head)
                texts.append(b"")
    if paths or not count:
        raise _bad("it does not end")


def attribute(head, name):
    """The value of an attribute in an element's head, b"" without it; name: bytes, without a prefix."""
    i = len(_name(head))
    while True:
        equal = head.find(b"=", i)
        if equal < 0:
            return b""
        start = equal + 1
        while start < len(head) and head[start] in _SPACE:
            start += 1
        quote = head[start : start + 1]
        if not quote or quote not in b"\"'":
            raise _bad("an attribute without quotes")
        end = _behind(head, quote, start + 1)
        if head[i:equal].strip(_SPACE) == name:
            return plain(head[start + 1 : end - 1])
        i = end


def plain(text):
    """text (bytes) with the characters that its entities stand for."""
    i = text.find(b"&")
    if i < 0:
        return text
    out = bytearray()
    start = 0
    while i >= 0:
        end = text.find(b";", i, i + 12)
        code = _character(text[i + 1 : end]) if end > 0 else b""
        if code:
            out.extend(text[start:i])
            out.extend(code)
            start = end + 1
        i = text.find(b"&", i + 1)
    out.extend(text[start:])
    return bytes(out)


def escape(text):
    """text (str or bytes) as it may stand in an element or in an attribute, bytes; control characters are left out."""
    if isinstance(text, str):
        text = text.encode()
    out = bytearray()
    for c in text:
        if c in b"&<>\"'":
            out.extend(b"&")
            out.extend(_ENTITIES[_ENTITIES.index(c) - 1])
            out.extend(b";")
        elif c >= 32 or c in _SPACE:
            out.append(c)
    return bytes(out)


def string(value):
    """bytes as str; without all that is not ASCII when they are no UTF-8."""
    try:
        return value.decode()
    except UnicodeError:
        return bytes([c for c in value if c < 128]).decode()


def _behind(data, mark, i):
    i = data.find(mark, i)
    if i < 0:
        raise _bad("it does not end")
    return i + len(mark)


def _tag_end(data, i):
    # behind the ">" that ends a tag; in quotes it may stand, too
    while True:
        end = _behind(data, b">", i)
        double, single = data.find(b'"', i, end), data.find(b"'", i, end)
        if double < 0 and single < 0:
            return end
        if double < 0 or 0 <= single < double:
            double = single
        i = _behind(data, data[double : double + 1], double + 1)


def _name(head):
    # up to the first white space
    i = 0
    while i < len(head) and head[i] not in _SPACE:
        i += 1
    return head[:i]


def _character(entity):
    if entity in _ENTITIES:
        return bytes((_ENTITIES[_ENTITIES.index(entity) + 1],))
    try:
        code = int(entity[2:], 16) if entity[:2] in (b"#x", b"#X") else int(entity[1:]) if entity[:1] == b"#" else 0
        if code >= 32 and not 0xD800 <= code < 0xE000 and code < 0x110000:
            return chr(code).encode()
    except ValueError:
        pass
    return b""
