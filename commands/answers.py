"""The bytes of an answer. What is stored under a key is exactly what every retry gets."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from commands.submission import Answer, Outcome
from domain.refusals import Refusal
from eventlog.log import StoredAnswer

Result = Mapping[str, object]


def accepted(
    ledger_name: str, *, positions: tuple[int, int], version: int, result: Result
) -> Answer:
    """`positions` are the ledger positions of the command's first and last event; `version` is that
    of the command's main stream after it.
    """
    first, last = positions
    body = {
        "outcome": "accepted",
        "ledger": ledger_name,
        "first_position": first,
        "last_position": last,
        "version": version,
        "result": result,
    }
    return Answer(outcome="accepted", body=_bytes(body), first_position=first, last_position=last)


def declined(outcome: Outcome, ledger_name: str, refusal: Refusal) -> Answer:
    """Any answer but an accepted one."""
    told = {"code": refusal.code, "detail": refusal.sentence(), **refusal.fields()}
    body = {"outcome": outcome, "ledger": ledger_name, "refusal": told}
    return Answer(outcome=outcome, code=refusal.code, body=_bytes(body))


def replayed(stored: StoredAnswer) -> Answer:
    """The answer a key has for ever, byte for byte."""
    return Answer(
        outcome="accepted" if stored.accepted else "refused",
        code=None if stored.accepted else orjson.loads(stored.answer)["refusal"]["code"],
        body=stored.answer,
        replayed=True,
        first_position=stored.first_position,
        last_position=stored.last_position,
    )


def _bytes(body: Mapping[str, object]) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_UTC_Z)
