"""What every request is asked first: who, in which form, how much."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from api.authentication import KeyAuthentication, Principal
from api.problems import FieldError, Problem

BODY_BYTES_MAX = 16 * 1024 * 1024
BODY_SECONDS_MAX = 30.0
JSON_TYPES = re.compile(r"application/(json|[\w.+-]+\+json)", re.IGNORECASE)
ACCEPTED = re.compile(r"\*/\*|application/(\*|json|problem\+json)", re.IGNORECASE)
CORRELATION = re.compile(r"[ -~]{1,200}")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

BEARER = HTTPBearer(
    auto_error=False, scheme_name="Bearer", description="An API key, `bs_live_<keyid>_<secret>`."
)
KEY_HEADER = APIKeyHeader(
    name="X-API-Key", auto_error=False, scheme_name="ApiKey", description="The same, as a header."
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
KeyHeader = Annotated[str | None, Security(KEY_HEADER)]
Authenticate = Callable[..., Awaitable[Principal]]


def authenticator(keys: KeyAuthentication) -> Authenticate:
    """A dependency that names the caller, or refuses: 401 without a good key, 403 without scope."""

    async def authenticate(
        needed: SecurityScopes, bearer: Bearer = None, header: KeyHeader = None
    ) -> Principal:
        shown = bearer.credentials if bearer else header
        principal = await keys.principal(shown) if shown else None
        if principal is None:
            detail = "Send an API key as `Authorization: Bearer bs_live_…`; it must not be revoked."
            raise Problem("unauthenticated", detail)
        if missing := [scope for scope in needed.scopes if scope not in principal.scopes]:
            raise Problem("forbidden", f"This API key has no scope {' '.join(missing)}.")
        return principal

    return authenticate


async def json_is_accepted(request: Request) -> None:
    """Refuse (406) a caller that would not understand JSON."""
    accept = request.headers.get("accept")
    if accept is not None and not ACCEPTED.search(accept):
        raise Problem("not_acceptable", "Every answer is application/json: accept it.")


async def read_body(request: Request) -> bytes:
    """The body of a JSON request, never more than BODY_BYTES_MAX. Raises Problem."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if not JSON_TYPES.fullmatch(content_type):
        raise Problem("unsupported_media_type", "Send JSON, with Content-Type: application/json.")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > BODY_BYTES_MAX:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise _too_large()
    except TimeoutError:
        raise Problem("too_slow", f"It must be here within {BODY_SECONDS_MAX:.0f} s.") from None
    return bytes(body)


def _too_large() -> Problem:
    return Problem(
        "too_large",
        f"At most {BODY_BYTES_MAX} bytes are taken: send it in parts.",
        # What is left of the body is not read, so the connection cannot be used again.
        headers={"Connection": "close"},
    )


def traced(request: Request) -> tuple[str | None, str | None]:
    """The correlation id and the traceparent of a request. Raises Problem."""
    correlation = request.headers.get("x-correlation-id")
    traceparent = request.headers.get("traceparent")
    if correlation is not None and not CORRELATION.fullmatch(correlation):
        raise _wrong_header("X-Correlation-ID", "use 1 to 200 printable ASCII characters")
    if traceparent is not None and not TRACEPARENT.fullmatch(traceparent):
        raise _wrong_header("traceparent", "write it as W3C Trace Context says")
    return correlation, traceparent


def wanted_version(if_match: str | None) -> int | None:
    """The version that an If-Match header asks for. Raises Problem."""
    if if_match is None:
        return None
    version = re.fullmatch(r'"(\d{1,18})"', if_match.strip())
    if version is None:
        raise _wrong_header("If-Match", 'write one version in quotes, as an ETag carried it: "7"')
    return int(version[1])


def unquoted_key(header: str | None) -> str | None:
    """The key a header carries; the quotes around it that the draft asks for are no part of it."""
    if header is None:
        return None
    quoted = re.fullmatch(r'"(.*)"', header)
    return quoted[1] if quoted else header


def _wrong_header(name: str, remedy: str) -> Problem:
    errors = [FieldError(pointer=f"header/{name}", detail=remedy)]
    return Problem("invalid_header", f"The header {name} cannot be used.", errors=errors)
