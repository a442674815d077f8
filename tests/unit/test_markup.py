# The scanner of XML: what presence documents use of it, and what somebody would rather have us do.

from expect import status
from siplet.limits import XML_DEPTH, XML_ELEMENTS
from siplet.markup import attribute, elements, escape, plain, string


def found(data):
    return [(path, text) for path, _, text in elements(data)]


def test_elements_come_when_they_end_with_their_path_and_their_own_text():
    data = b'<?xml version="1.0"?>\n<!-- a > b --><a x="1">one<p:b>two</p:b> three<c/>\n<d y=">"  />four</a>\n'
    assert found(data) == [(b"a/b", b"two"), (b"a/c", b""), (b"a/d", b""), (b"a", b"one threefour")]
    at = {path: i for path, i, _ in elements(data)}
    assert attribute(data, at[b"a"], b"x") == b"1" and attribute(data, at[b"a/d"], b"y") == b">"
    assert attribute(data, at[b"a"], b"y") == b""


def test_attributes_in_both_quotes_over_lines_and_beside_longer_names():
    head = b"<dialog call-id='a \"b\"' \r\n id = \"x&amp;y\" xml:id='z'/>"
    assert attribute(head, 1, b"call-id") == b'a "b"'
    assert attribute(head, 1, b"id") == b"x&y"
    assert attribute(head, 1, b"xml:id") == b"z"
    assert status(attribute, b"<a id=x>", 1, b"id") == status(attribute, b"<a id='x>", 1, b"id") == 400


def test_entities_and_what_is_none():
    assert plain(b"&lt;a&gt; &amp;amp; &quot;&apos;") == b"<a> &amp; \"'"
    assert plain(b"&#65;&#x42;&#X20AC;") == "AB\u20ac".encode()
    for text in (b"&", b"&;", b"&nbsp;", b"&#0;", b"&#x1;", b"&#xD800;", b"&#1114112;", b"&#-5;", b"&lt", b"&# 65;a"):
        assert plain(text) in (text, b"Aa")
    assert found(b"<a>1<![CDATA[<b>&amp;]]>2</a>") == [(b"a", b"1<b>&amp;2")]


def test_what_is_written_can_be_read_and_ends_nothing():
    text = "</note> & \"quotes\" 'single' \u20ac \x00\x1f]]>"
    written = b'<a b="' + escape(text) + b'">' + escape(text) + b"</a>"
    for _, i, value in elements(written):
        assert value.decode() == text.replace("\x00\x1f", "") == attribute(written, i, b"b").decode()


def test_what_is_not_well_formed_is_refused():
    for data in (
        b"",
        b"   ",
        b"hello",
        b"<a>",
        b"</a>",
        b"</>",
        b"<a></>",
        b"<a></b>",
        b"<a><b></a></b>",
        b"<a/><b/>",
        b"<a></a>tail",
        b"head<a/>",
        b"<>",
        b"< a/>",
        b"<p:/>",
        b"<a",
        b"<a b='>",
        b"<a b='/>",
        b"<!-- never ending <a/>",
        b"<?xml <a/>",
        b"<a><![CDATA[<b/></a>",
        b"<![CDATA[a]]>",
        b"<a\x00></a>b",
        b"\xff\xfe<\x00a\x00/\x00>\x00",
    ):
        assert status(list, elements(data)) == 400, data


def test_no_document_type_so_no_entity_grows():
    bomb = b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><a>&y;</a>'
    assert status(list, elements(bomb)) == 400
    assert status(list, elements(b'<!DOCTYPE a SYSTEM "http://10.0.0.1/a.dtd"><a/>')) == 400


def test_depth_and_number_are_bounded():
    assert len(found(b"<a>" * XML_DEPTH + b"</a>" * XML_DEPTH)) == XML_DEPTH
    assert status(list, elements(b"<a>" * (XML_DEPTH + 1) + b"</a>" * (XML_DEPTH + 1))) == 400
    assert len(found(b"<a>" + b"<b/>" * (XML_ELEMENTS - 1) + b"</a>")) == XML_ELEMENTS
    assert status(list, elements(b"<a>" + b"<b/>" * XML_ELEMENTS + b"</a>")) == 400


def test_every_cut_of_a_document_is_refused_or_read_and_nothing_else():
    data = b'\xef\xbb\xbf<?xml version="1.0"?><p:a id="1"><b>x &amp; y</b><!-- c --><![CDATA[z]]></p:a>'
    assert found(data) == [(b"a/b", b"x & y"), (b"a", b"z")]
    for i in range(len(data)):
        assert status(list, elements(data[:i])) == 400
        for c in (0, 34, 38, 60, 62, 255):
            assert status(list, elements(data[:i] + bytes([c]) + data[i + 1 :])) in (None, 400)


def test_text_that_is_no_utf_8_loses_what_is_not_ascii():
    assert string("\u20ac5".encode()) == "\u20ac5" and string(b"\xff5\x80") == "5"
