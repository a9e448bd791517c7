"""A small client of the HTTP API: every command has a key, so every request is safe to repeat.

    with Client("http://127.0.0.1:8080", api_key) as backstock:
        answer = backstock.submit({"type": "receive_stock", "key": "po-7/1", ...})
        backstock.wait_for(answer.token)

Repeated, with the same keys, until `retry_seconds_max` are over: broken connections, time-outs,
429, 502, 503, 504, and those lines of an independent bulk that could have no answer yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self, TypeAlias
from urllib.parse import quote

import httpx2
import msgspec
import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay
from tenacity.wait import wait_random_exponential

from api.client_answers import (
    Answer,
    ApiError,
    BulkAnswer,
    FieldError,
    StoredAnswer,
    UnreachableError,
)

__all__ = [
    "Answer",
    "ApiError",
    "BulkAnswer",
    "Client",
    "FieldError",
    "Json",
    "JsonObject",
    "Mode",
    "StoredAnswer",
    "UnreachableError",
]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"
Mode = Literal["independent", "atomic"]
# Single values go in as they are, a sequence as one parameter for each, None not at all.
Parameter: TypeAlias = "str | int | Sequence[str] | None"
Parameters: TypeAlias = "list[tuple[str, str | int | float | bool | None]]"

RETRIED = frozenset({429, 502, 503, 504})
RETRY_WAIT_SECONDS_MAX = 5.0
LINE_ATTEMPTS_MAX = 12  # About 35 s in all: longer than a restart of the store takes.
BULK_LINES_MAX = 10_000
LOOKUP_KEYS_MAX = 10_000


class _Lookup(msgspec.Struct, frozen=True, kw_only=True):
    answers: list[StoredAnswer]


class _AgainError(Exception):
    def __init__(self, why: str, after_seconds: float | None = None) -> None:
        super().__init__(why)
        self.after_seconds = after_seconds


_BULK = msgspec.json.Decoder(BulkAnswer)
_ANSWER = msgspec.json.Decoder(Answer)
_LOOKUP = msgspec.json.Decoder(_Lookup)


class Client:
    """Thread-safe; one for a process is enough. Close it, or use it as a context manager."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout_seconds: float = 30.0,
        retry_seconds_max: float = 60.0,
        correlation_id: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._http = httpx2.Client(
            base_url=url,
            headers={
                "Authorization": f"Bearer {api_key}",
                "Accept": "application/json",
                # It stands in the metadata of every event that the commands lead to.
                **({} if correlation_id is None else {"X-Correlation-ID": correlation_id}),
            },
            timeout=timeout_seconds,
            transport=transport,
            trust_env=False,
        )
        self._retry_seconds_max = retry_seconds_max
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def submit(self, command: Mapping[str, object]) -> Answer:
        """Send one command, with `type` and `key`. A refusal is an answer, not an exception.

        Raises ApiError when the request itself is wrong, UnreachableError when time is over.
        """
        type_name, key = command["type"], command["key"]
        if not isinstance(key, str) or not key:
            raise ValueError("a command needs a key: without one it cannot be sent again safely")
        response = self._request("POST", f"/v1/commands/{type_name}", body=orjson.dumps(command))
        body = _object(response)
        if "outcome" not in body:
            raise _problem(response.status_code, body)
        answer = _ANSWER.decode(response.content)
        return msgspec.structs.replace(
            answer,
            key=key,
            status=response.status_code,
            replayed=response.headers.get("Idempotent-Replayed") == "true",
            token=response.headers.get("Position-Token"),
        )

    def submit_bulk(
        self, commands: Sequence[Mapping[str, object]], mode: Mode = "independent"
    ) -> BulkAnswer:
        """Send up to BULK_LINES_MAX commands, each with `type` and `key`; one answer per command.

        In `independent` mode the lines that could have no answer yet (503) are sent again, up to
        LINE_ATTEMPTS_MAX times; those that still have none are `failed` in what is returned. A line
        that builds on another may be decided before it then: put both into one `atomic` bulk.
        Raises ApiError when the request as a whole is wrong, UnreachableError when time is over.
        """
        bulk = self._bulk(commands, mode)
        if mode == "atomic":
            return bulk
        for attempt in range(LINE_ATTEMPTS_MAX):
            unanswered = [each.index for each in bulk.results if each.status in RETRIED]
            if not unanswered:
                break
            self._sleep(min(0.1 * 2**attempt, RETRY_WAIT_SECONDS_MAX))
            again = self._bulk([commands[index] for index in unanswered], mode)
            bulk = _merged(bulk, again, unanswered)
        return bulk

    def answers(self, keys: Sequence[str], *, ledger: str = "main") -> dict[str, StoredAnswer]:
        """What these keys led to; a key that is not in the ledger is left out."""
        found: dict[str, StoredAnswer] = {}
        for start in range(0, len(keys), LOOKUP_KEYS_MAX):
            asked = {"ledger": ledger, "keys": keys[start : start + LOOKUP_KEYS_MAX]}
            response = self._request("POST", "/v1/command-answers/lookup", body=orjson.dumps(asked))
            _expect_success(response)
            found |= {each.key: each for each in _LOOKUP.decode(response.content).answers}
        return found

    def get(self, path: str, **parameters: Parameter) -> JsonObject:
        """Any read, such as `get("/v1/stock", ledger="main", limit=50)`. Raises ApiError."""
        response = self._request("GET", path, parameters=_flat(parameters))
        _expect_success(response)
        return _object(response)

    def pages(self, path: str, **parameters: Parameter) -> Iterator[JsonObject]:
        """Every page of a list, from the first one on, by its `next_cursor`."""
        page = self.get(path, **parameters)
        yield page
        while (cursor := page.get("next_cursor")) is not None:
            page = self.get(path, **{**parameters, "cursor": str(cursor)})
            yield page

    def item(self, sku: str, **parameters: Parameter) -> JsonObject:
        return self.get(f"/v1/items/{quote(sku, safe='')}", **parameters)

    def stock(self, sku: str, **parameters: Parameter) -> JsonObject:
        return self.get(f"/v1/stock/{quote(sku, safe='')}", **parameters)

    def availability(self, skus: Sequence[str], **parameters: Parameter) -> JsonObject:
        return self.get("/v1/availability", sku=skus, **parameters)

    def order(self, order_id: str, **parameters: Parameter) -> JsonObject:
        return self.get(f"/v1/orders/{quote(order_id, safe='')}", **parameters)

    def read_models(self, **parameters: Parameter) -> JsonObject:
        """Position, age and lag of every read model, and the ledger's head."""
        return self.get("/v1/read-models", **parameters)

    def wait_for(
        self, token: str | int | None, *, ledger: str = "main", timeout_seconds: float = 60.0
    ) -> None:
        """Return once every read model shows what the token (or position) stands for.

        Raises UnreachableError after `timeout_seconds`, ApiError for a position beyond the head.
        """
        if token is None:
            return
        parameters = _flat({"ledger": ledger, "min_position": token})
        _expect_success(
            self._request(
                "GET", "/v1/read-models", parameters=parameters, seconds_max=timeout_seconds
            )
        )

    def _bulk(self, commands: Sequence[Mapping[str, object]], mode: Mode) -> BulkAnswer:
        body = orjson.dumps({"mode": mode, "commands": commands})
        response = self._request("POST", "/v1/commands", body=body)
        if response.is_success:
            return _BULK.decode(response.content)
        problem = _object(response)
        if "results" not in problem:
            raise _problem(response.status_code, problem)
        return _BULK.decode(response.content)

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        parameters: Parameters | None = None,
        seconds_max: float | None = None,
    ) -> httpx2.Response:
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            for attempt in self._retrying(seconds_max):
                with attempt:
                    return self._once(method, path, body, parameters or [], headers)
        except _AgainError as last:
            raise UnreachableError(method, path, str(last)) from last
        raise AssertionError("a retry ends with an answer or an exception")

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | None,
        parameters: Parameters,
        headers: dict[str, str],
    ) -> httpx2.Response:
        try:
            response = self._http.request(
                method, path, content=body, params=parameters, headers=headers
            )
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError):
            raise
        except httpx2.TransportError as broken:
            raise _AgainError(f"{type(broken).__name__}: {broken}") from broken
        if response.status_code in RETRIED:
            raise _AgainError(
                f"{response.status_code} {_code(response)}",
                _seconds(response.headers.get("Retry-After")),
            )
        return response

    def _retrying(self, seconds_max: float | None = None) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(_AgainError),
            stop=stop_after_delay(seconds_max or self._retry_seconds_max),
            wait=_wait,
            sleep=self._sleep,
            reraise=True,
        )


_backoff = wait_random_exponential(multiplier=0.1, max=RETRY_WAIT_SECONDS_MAX)


def _merged(bulk: BulkAnswer, again: BulkAnswer, lines: Sequence[int]) -> BulkAnswer:
    results = list(bulk.results)
    for index, answer in zip(lines, again.results, strict=True):
        results[index] = msgspec.structs.replace(answer, index=index)
    # The later append is the higher position; a bulk over several ledgers has only its own token.
    return BulkAnswer(
        results=results,
        token=again.token or bulk.token,
        position=again.position or bulk.position,
    )


def _wait(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome else None
    asked = failure.after_seconds if isinstance(failure, _AgainError) else None
    return _backoff(state) if asked is None else min(asked, RETRY_WAIT_SECONDS_MAX)


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else None


def _flat(parameters: Mapping[str, Parameter]) -> Parameters:
    flat: Parameters = []
    for name, value in parameters.items():
        if value is None or isinstance(value, str | int):
            flat += [] if value is None else [(name, value)]
        else:
            flat += [(name, each) for each in value]
    return flat


def _object(response: httpx2.Response) -> JsonObject:
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = None
    return body if isinstance(body, dict) else {}


def _code(response: httpx2.Response) -> str:
    return str(_object(response).get("code", ""))


def _expect_success(response: httpx2.Response) -> None:
    if not response.is_success:
        raise _problem(response.status_code, _object(response))


def _problem(status: int, body: JsonObject) -> ApiError:
    errors = msgspec.convert(body.get("errors", []), list[FieldError])
    return ApiError(
        status, str(body.get("code", "unknown")), str(body.get("detail", "no details")), errors
    )
