"""What command keys led to."""

from typing import Annotated

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Request, Response, Security
from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.answer_schemas import AsOf, JsonSchema, problem_responses
from api.authentication import READ, Principal
from api.command_schemas import CommandAnswer, Refusal
from api.problems import FieldError, Problem, invalid
from api.read_side import Ask, ReadSide, View
from api.requests import Authenticate, read_body
from api.strict_json import MalformedJsonError, pointer, read
from commands.fields import Key, LedgerName
from eventlog.log import StoredAnswer
from eventlog.postgres.answers import ANSWERS, stored_answers

LOOKUP_KEYS_MAX = 10_000
JSON = "application/json"
KeyPath = Annotated[str, Path(description="The command's key.", min_length=1, max_length=200)]


class RefusedAnswer(BaseModel):
    """A refusal, as every retry of the key gets it."""

    outcome: str = Field(examples=["refused"])
    ledger: str
    refusal: Refusal


class KeyAnswer(BaseModel):
    """What a key led to; `answer` is what every retry of it gets."""

    key: str
    outcome: str = Field(examples=["accepted"])
    first_position: int | None
    last_position: int | None
    answer: CommandAnswer | RefusedAnswer


class OneAnswer(KeyAnswer):
    as_of: AsOf


class ManyAnswers(BaseModel):
    """The keys that are in the ledger, in the order asked for; others are left out."""

    as_of: AsOf
    answers: list[KeyAnswer]


class _Lookup(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ledger: LedgerName = "main"
    keys: Annotated[list[Key], Field(min_length=1, max_length=LOOKUP_KEYS_MAX)]


LOOKUP_BODY: JsonSchema = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": _Lookup.model_json_schema(), "example": {"keys": ["PO-7/1", "SO-1"]}}
        },
    }
}


def answer_routes(reads: ReadSide, authenticate: Authenticate) -> APIRouter:
    """Look-ups by key, straight in the log."""
    router = APIRouter(prefix="/v1/command-answers", tags=["commands"])

    @router.get(
        "/{key:path}",
        operation_id="read_command_answer",
        summary="What a key led to",
        response_model=OneAnswer,
        responses=problem_responses(400, 401, 403, 404, 406, 422, 503),
    )
    def read_command_answer(
        key: KeyPath, ask: Annotated[Ask, Security(reads.asking_log(authenticate), scopes=[READ])]
    ) -> Response:
        """For whoever sent a command and lost the answer. 404: it has not been accepted or refused,
        and may be sent again.
        """
        with reads.view(ask) as view:
            found = _found(view, [key]).get(key)
            if found is None:
                raise Problem("unknown_answer", "No command has used this key; send it again.")
            as_of = view.as_of_log().model_dump_json().encode()
        return Response(_spliced(key, found)[:-1] + b',"as_of":' + as_of + b"}", media_type=JSON)

    @router.post(
        "/lookup",
        operation_id="look_up_command_answers",
        summary="What many keys led to",
        responses={200: {"model": ManyAnswers}, **problem_responses(400, 401, 403, 404, 422, 503)},
        openapi_extra=LOOKUP_BODY,
    )
    async def look_up_command_answers(
        request: Request, principal: Annotated[Principal, Security(authenticate, scopes=[READ])]
    ) -> Response:
        """Up to 10,000 keys at once, as after an import that broke off."""
        wanted = _wanted(await read_body(request))
        ask = Ask(principal=principal, ledger_name=wanted.ledger, min_position=0)
        return Response(await run_sync(look_up, ask, wanted.keys), media_type=JSON)

    def look_up(ask: Ask, keys: list[str]) -> bytes:
        with reads.view(ask) as view:
            found = _found(view, keys)
            as_of = view.as_of_log().model_dump_json().encode()
        asked = dict.fromkeys(keys)
        answers = b",".join(_spliced(key, found[key]) for key in asked if key in found)
        return b'{"as_of":' + as_of + b',"answers":[' + answers + b"]}"

    return router


def _wanted(body: bytes) -> _Lookup:
    try:
        document = read(body)
    except MalformedJsonError as wrong:
        raise Problem("malformed_json", wrong.detail) from None
    errors = [FieldError(pointer=pointer(each.path), detail=each.detail) for each in document.flaws]
    if not errors:
        try:
            return _Lookup.model_validate(document.value)
        except ValidationError as error:
            errors = [
                FieldError(pointer=pointer(each["loc"]), detail=each["msg"])
                for each in error.errors(include_input=False, include_url=False)
            ]
    raise invalid("Some fields are wrong.", *errors)


def _found(view: View, keys: list[str]) -> dict[str, StoredAnswer]:
    connection: Connection[tuple[object, ...]] = view.connection
    rows = connection.execute(ANSWERS, (view.ask.ledger, keys))
    return {key: answer for (_, key), answer in stored_answers(rows).items()}


def _spliced(key: str, found: StoredAnswer) -> bytes:
    told = {
        "key": key,
        "outcome": "accepted" if found.accepted else "refused",
        "first_position": found.first_position,
        "last_position": found.last_position,
    }
    return orjson.dumps(told)[:-1] + b',"answer":' + found.answer + b"}"
