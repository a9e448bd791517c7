import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.strict_json import DEPTH_MAX, FLAWS_MAX, MalformedJsonError, examine, pointer, read

DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def flaws(body: bytes) -> dict[str, str]:
    return {pointer(each.path): each.detail for each in read(body).flaws}


@given(DOCUMENTS, st.sampled_from([None, 1]), st.booleans())
def test_a_sound_document_is_read_as_it_stands(
    document: Any, indent: int | None, ascii_only: bool
) -> None:
    body = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    found = read(body)
    assert (found.value, found.flaws) == (document, ())


@given(DOCUMENTS)
def test_both_ways_of_reading_agree(document: Any) -> None:
    body = json.dumps(document).encode()
    assert read(body) == examine(body)


@pytest.mark.parametrize(
    ("body", "where", "why"),
    [
        (b'{"a":1,"b":2,"a":3}', "/a", "stands twice"),
        (b'{"a":1,"\\u0061":3}', "/a", "stands twice"),
        (b'{"a" :1,"a" :3}', "/a", "stands twice"),
        (b'{"a":[{"b":1,"b":1}]}', "/a/0/b", "stands twice"),
        (b'{"a":"\\":","a":1}', "/a", "stands twice"),
        (b'{"a":[1,NaN]}', "/a/1", "NaN is not a number"),
        (b'{"a":-Infinity}', "/a", "-Infinity is not a number"),
        (b'{"a":1e999}', "/a", "too large"),
        (b'{"a":9223372036854775808}', "/a", "64 bits"),
        (b'{"a":-9223372036854775809}', "/a", "64 bits"),
        (b'{"a":' + b"9" * 10_000 + b"}", "/a", "64 bits"),
        (b'{"a":"x\\u0000y"}', "/a", "NUL"),
        (b'{"x\\u0000y":1}', "/x\0y", "NUL"),
        (b'{"a":"\\ud800"}', "/a", "surrogate"),
        (b'{"a~b/c":NaN}', "/a~0b~1c", "NaN"),
    ],
)
def test_what_two_readers_could_take_differently_is_named(
    body: bytes, where: str, why: str
) -> None:
    assert list(flaws(body)) == [where]
    assert why in flaws(body)[where]


def test_escaped_nul_in_front_of_its_backslash_is_only_text() -> None:
    assert read(rb'{"a":"\\u0000"}').value == {"a": r"\u0000"}
    assert read(rb'{"a":"\\u0000"}').flaws == ()


def test_every_level_down_to_the_last_allowed_is_taken() -> None:
    assert read(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX).flaws == ()
    (flaw,) = read(b"[" * (DEPTH_MAX + 2) + b"]" * (DEPTH_MAX + 2)).flaws
    assert "nested deeper" in flaw.detail


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b'{"a": [1, 2', "line 1, column 12 (it ends too early)"),
        (b'{"a": "caf\xe9"}', "not UTF-8: byte 10"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8: byte 0"),
        (b'\xef\xbb\xbf{"a": 1}', "byte-order mark"),
        (b'{"a": 1} x', "Extra data at line 1, column 10"),
        (b'{"a": 01}', "line 1, column"),
        (b'{"a": "\x01"}', "Invalid control character"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 100_000, "nested deeper"),
    ],
)
def test_what_is_no_json_says_where_it_ends(body: bytes, why: str) -> None:
    with pytest.raises(MalformedJsonError) as caught:
        read(body)
    assert why in caught.value.detail


def test_the_noted_flaws_are_bounded() -> None:
    assert len(read(b"[" + b"NaN," * 5_000 + b"1]").flaws) == FLAWS_MAX
