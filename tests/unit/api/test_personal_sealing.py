"""Sealed texts: the same for the same words, different for everything else, and shut for others."""

from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.personal_sealing import (
    KEY_BYTES,
    STEP_BYTES,
    ForeignKeyError,
    SubjectKey,
    UnsealableError,
    WrappingKey,
    key_id_of,
)

KEY = SubjectKey(key_id="0011223344556677", key=bytes(range(KEY_BYTES)))
OTHER = SubjectKey(key_id=KEY.key_id, key=bytes(KEY_BYTES - 1) + b"\x01")
PLACE = ("acme", "sub_1", "o-1")


@given(st.text(max_size=400))
def test_what_was_sealed_opens_to_the_same_text(words: str) -> None:
    text = words.encode().rstrip(b" ")
    assert KEY.open("ship_to", PLACE, KEY.seal("ship_to", PLACE, text)) == text


def test_the_same_text_sealed_again_is_the_same_sealed_text() -> None:
    sealed = KEY.seal("ship_to", PLACE, b'{"name":"Ada"}')
    assert sealed == KEY.seal("ship_to", PLACE, b'{"name":"Ada"}')
    assert sealed != KEY.seal("ship_to", PLACE, b'{"name":"Adb"}')
    assert sealed.startswith(f"siv1.{KEY.key_id}.")
    assert key_id_of(sealed) == KEY.key_id


@pytest.mark.parametrize(
    ("key", "purpose", "place"),
    [
        (OTHER, "ship_to", PLACE),
        (KEY, "bill_to", PLACE),
        (KEY, "ship_to", ("other", "sub_1", "o-1")),
        (KEY, "ship_to", ("acme", "sub_2", "o-1")),
        (KEY, "ship_to", ("acme", "sub_1", "o-2")),
        (KEY, "ship_to", ("acme", "sub_1o-1", "")),
    ],
)
def test_a_sealed_text_opens_nowhere_else(
    key: SubjectKey, purpose: str, place: tuple[str, ...]
) -> None:
    sealed = KEY.seal("ship_to", PLACE, b"Ada")
    assert sealed != key.seal(purpose, place, b"Ada")
    with pytest.raises(UnsealableError):
        key.open(purpose, place, sealed)


def test_an_altered_text_does_not_open() -> None:
    sealed = KEY.seal("ship_to", PLACE, b"Ada")
    last = "A" if sealed[-1] != "A" else "B"
    for altered in (sealed[:-8] + "AAAAAAA" + last, sealed[:-4], f"{sealed}AAAA"):
        with pytest.raises(UnsealableError):
            KEY.open("ship_to", PLACE, altered)
    for strange in ("", "siv2.x.y", "siv1", "siv1.x", "Ada"):
        with pytest.raises(UnsealableError):
            key_id_of(strange)


def test_a_sealed_text_tells_lengths_by_steps_only() -> None:
    def length(text: bytes) -> int:
        encoded = KEY.seal("ship_to", PLACE, text).rpartition(".")[2]
        return len(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))

    assert {length(b"x" * count) for count in range(1, STEP_BYTES + 1)} == {STEP_BYTES + 16}


def test_a_key_is_wrapped_for_one_subject_under_one_secret() -> None:
    wrapping = WrappingKey(b"one secret")
    stored = wrapping.wrap("acme", "sub_1", KEY)
    assert KEY.key not in stored.wrapped
    assert wrapping.unwrap("acme", "sub_1", stored) == KEY
    with pytest.raises(UnsealableError):
        wrapping.unwrap("acme", "sub_2", stored)
    with pytest.raises(ForeignKeyError):
        WrappingKey(b"another").unwrap("acme", "sub_1", stored)
