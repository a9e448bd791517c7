"""What a wrong field is told, by the kind of what is wrong: sentences that name the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commands.fields import URL_PATTERN
from domain.values import (
    CURRENCY_PATTERN,
    ID_PATTERN,
    KEY_PATTERN,
    REASON_CODE_PATTERN,
    SLUG_PATTERN,
)

PATTERN_REMEDIES: Mapping[str, str] = {
    ID_PATTERN: "use 1 to 64 letters, digits or . _ : / - without spaces",
    KEY_PATTERN: "use 1 to 200 printable ASCII characters",
    SLUG_PATTERN: "use up to 31 lower-case letters, digits or hyphens",
    REASON_CODE_PATTERN: "use 1 to 64 lower-case letters, digits, _ or -",
    CURRENCY_PATTERN: "use a currency's three capital letters, GBP",
    URL_PATTERN: "use an address that starts with http:// or https://",
}
REMEDIES: Mapping[str, str] = {
    "missing": "this field is required",
    "extra_forbidden": "there is no such field here: leave it out",
    "int_type": "write a whole number: no fraction, no quotes",
    "string_type": "write text, in quotes",
    "bool_type": "write true or false",
    "greater_than_equal": "write a number of at least {ge}",
    "less_than_equal": "write a number of at most {le}",
    "string_too_short": "write at least {min_length} character(s)",
    "string_too_long": "write at most {max_length} characters",
    "too_short": "give at least {min_length}",
    "too_long": "give at most {max_length}; here are more",
    "literal_error": "write one of {expected}",
    "timezone_aware": "add the offset from UTC, as in 2026-03-01T09:30:00Z",
    "union_tag_not_found": "say which command this is: `type` is missing",
    "union_tag_invalid": "there is no command type {tag}; the types are {expected_tags}",
    "json_invalid": "this is not JSON: {error}",
    "model_attributes_type": "write an object with named fields",
}


def remedy_of(kind: str, error: Mapping[str, Any]) -> str:
    """`error` is as pydantic tells it."""
    context = error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return PATTERN_REMEDIES.get(context["pattern"], str(error["msg"]))
    remedy = REMEDIES.get(kind)
    return remedy.format_map(context) if remedy else str(error["msg"])
