"""The write side's answers as HTTP answers. Their bodies are JSON: spliced, not encoded again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from fastapi import Response

from api.command_bodies import Bulk, WrongLine
from api.positions import Positions
from api.problems import (
    FieldError,
    Problem,
    problem_response,
    status_of,
)
from commands.submission import Answer, Submission

JSON = "application/json"
MULTI_STATUS = 207
INVALID = status_of("invalid")


def single_response(answer: Answer, token: str | None) -> Response:
    """The stored bytes when accepted, else a problem that holds them; the same on every retry."""
    headers = {"Idempotent-Replayed": "true"} if answer.replayed else {}
    if token is not None:
        headers["Position-Token"] = token
    told = orjson.loads(answer.body)
    if answer.outcome == "accepted":
        headers["ETag"] = f'"{told["version"]}"'
        return Response(answer.body, 200, headers, media_type=JSON)
    assert answer.code is not None
    detail = told["refusal"]["detail"]
    return problem_response(Problem(answer.code, detail, members=told, headers=headers))


def bulk_response(
    bulk: Bulk, submissions: Sequence[Submission], answers: Sequence[Answer], positions: Positions
) -> Response:
    """One result per line. Independent: 200 all accepted, 207 not all. Atomic: 200 all, 422 none.

    When no line could be answered, 503.
    """
    results = b'"results":[' + _results(bulk, submissions, answers) + b"]"
    problem = _problem(bulk, answers)
    if problem is not None:
        return problem_response(problem, results)
    reached = _reached(submissions, answers)
    token = positions.token(submissions[0].tenant, reached) if reached else None
    position = next(iter(reached.values())) if len(reached) == 1 else None
    told = orjson.dumps({"token": token, "position": position})
    all_well = not bulk.wrong and all(each.outcome == "accepted" for each in answers)
    status = 200 if all_well else MULTI_STATUS
    return Response(b"{" + results + b"," + told[1:], status, media_type=JSON)


def _problem(bulk: Bulk, answers: Sequence[Answer]) -> Problem | None:
    """What the whole bulk came to, if not to results to be looked at one by one."""
    faults = [each.code for each in answers if each.outcome == "failed" and each.code]
    if faults and (bulk.mode == "atomic" or len(faults) == len(bulk.commands)):
        return Problem(min(faults), "No line has an answer: send the same bulk again.")
    if bulk.mode == "atomic" and any(each.outcome != "accepted" for each in answers):
        return Problem(
            "atomic_refused",
            "Nothing was written. Each line's result says what would have become of it.",
            errors=_refused_lines(answers),
        )
    return None


def _results(bulk: Bulk, submissions: Sequence[Submission], answers: Sequence[Answer]) -> bytes:
    answered = zip(submissions, answers, strict=True)
    lines = []
    for index, command in enumerate(bulk.commands):
        if command is None:
            lines.append(_wrong_result(index, bulk.wrong[index]))
        else:
            _, answer = next(answered)
            lines.append(_result(index, command.key, answer))
    return b",".join(lines)


def _result(index: int, key: str, answer: Answer) -> bytes:
    quoted = orjson.dumps(key)
    replayed = b'"replayed":true,' if answer.replayed else b""
    head = b'{"index":%d,"key":%b,"status":%d,%b' % (
        index,
        quoted,
        status_of(answer.code),
        replayed,
    )
    return head + answer.body[1:]


def _wrong_result(index: int, line: WrongLine) -> bytes:
    return orjson.dumps(
        {
            "index": index,
            "key": line.key,
            "status": INVALID,
            "outcome": "invalid",
            "errors": [{"pointer": each.pointer, "detail": each.detail} for each in line.errors],
        }
    )


def _refused_lines(answers: Sequence[Answer]) -> list[FieldError]:
    return [
        FieldError(
            pointer=f"/commands/{index}", detail=orjson.loads(answer.body)["refusal"]["detail"]
        )
        for index, answer in enumerate(answers)
        if answer.outcome not in {"accepted", "not_applied"}
    ]


def _reached(submissions: Sequence[Submission], answers: Sequence[Answer]) -> Mapping[str, int]:
    """The last position that any answer names, by ledger name."""
    reached: dict[str, int] = {}
    for submission, answer in zip(submissions, answers, strict=True):
        if answer.last_position is not None:
            name = submission.command.ledger
            reached[name] = max(reached.get(name, 0), answer.last_position)
    return reached
