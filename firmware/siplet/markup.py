# XML as presence documents use it: elements with attributes and text, nothing declared. Bounded, and never more than
# one pass. May import: errors, limits.
#
# Prefixes of namespaces are left out: which element is meant is told by those around it. A document type is refused,
# since it could define entities that grow; an entity that nobody knows stays as it is written. What is not well-formed
# is RemoteError(400), as for every other part of a message.

from siplet.errors import RemoteError
from siplet.limits import XML_DEPTH, XML_ELEMENTS

_SPACE = b" \t\r\n"
_ENTITIES = [b"amp", b"lt", b"gt", b"quot", b"apos"]
_CHARACTERS = b"&<>\"'"


def _bad(text):
    return RemoteError(400, "XML: " + text)


def elements(data):
    """Every element of a document (bytes) when it ends: (path, i, text). Children come before their parents.

    path: b"presence/tuple/status"; i: for attribute(); text: its own, stripped, bytes.
    """
    paths, starts, texts = [], [], []
    end = len(data)
    i = count = 0
    if data.startswith(b"\xef\xbb\xbf"):
        i = 3
    while True:
        left = data.find(b"<", i)
        stop = left if left >= 0 else end
        start = i
        while start < stop and data[start] in _SPACE:
            start += 1
        if start < stop:  # else there is nothing but white space between two tags
            if not texts:
                raise _bad("text outside the document")
            texts[-1] += plain(data[i:stop])
        if left < 0:
            break
        i = left + 1
        if data.startswith(b"/", i):
            i = _behind(data, b">", i)
            if not starts:
                raise _bad("an end without a beginning")
            start = starts.pop()
            stop = _name_end(data, start)
            if _name_end(data, left + 2) - left - 2 != stop - start or not data.startswith(data[start:stop], left + 2):
                raise _bad("an end without a beginning")
            yield paths.pop(), start, texts.pop().strip(_SPACE)
        elif data.startswith(b"!--", i):
            i = _behind(data, b"-->", i + 3)
        elif data.startswith(b"?", i):
            i = _behind(data, b"?>", i)
        elif data.startswith(b"![CDATA[", i) and texts:
            i = _behind(data, b"]]>", i)
            texts[-1] += data[left + 9 : i - 3]
        elif data.startswith(b"!", i):
            raise _bad("a document type")
        else:
            stop = _name_end(data, i)
            path = data[max(i, data.rfind(b":", i, stop) + 1) : stop]
            count += 1
            if not path or (count > 1 and not paths):
                raise _bad("an element out of place")
            if count > XML_ELEMENTS or len(paths) >= XML_DEPTH:
                raise _bad("too many elements")
            if paths:
                path = paths[-1] + b"/" + path
            i = _tag_end(data, i)
            if data[i - 2] == 47:
                yield path, left + 1, b""
            else:
                paths.append(path)
                starts.append(left + 1)
                texts.append(b"")
    if paths or not count:
        raise _bad("it does not end")


def attribute(data, i, name):
    """The value of an attribute of the element at i, b"" without it; name: bytes, without a prefix."""
    end = _tag_end(data, i) - 1
    i = _name_end(data, i)
    while True:
        equal = data.find(b"=", i, end)
        if equal < 0:
            return b""
        start = equal + 1
        while data[start] in _SPACE:
            start += 1
        quote = data[start]
        if quote != 34 and quote != 39:
            raise _bad("an attribute without quotes")
        stop = data.find(b'"' if quote == 34 else b"'", start + 1, end)
        if stop < 0:
            raise _bad("it does not end")
        while data[i] in _SPACE:
            i += 1
        if data.startswith(name, i) and (data[i + len(name)] == 61 or data[i + len(name)] in _SPACE):
            return plain(data[start + 1 : stop])
        i = stop + 1


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
        if c in _CHARACTERS:
            out.extend(b"&")
            out.extend(_ENTITIES[_CHARACTERS.find(bytes((c,)))])
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


def _name_end(data, i):
    # of an element, at a white space or where its tag ends
    while i < len(data) and data[i] not in b" \t\r\n/>":
        i += 1
    return i


def _character(entity):
    if entity in _ENTITIES:
        return bytes((_CHARACTERS[_ENTITIES.index(entity)],))
    try:
        code = int(entity[2:], 16) if entity[:2] in (b"#x", b"#X") else int(entity[1:]) if entity[:1] == b"#" else 0
        if code >= 32 and not 0xD800 <= code < 0xE000 and code < 0x110000:
            return chr(code).encode()
    except ValueError:
        pass
    return b""
