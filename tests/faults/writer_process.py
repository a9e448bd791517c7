"""One append in a process of its own: `python -m tests.faults.writer_process DSN STREAM`.

Prints how it ended. Decides only once: what a second attempt writes would be another decision."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime

from eventlog.log import Decided, LedgerHead
from tests.appends import Answers, Batch, event, key_row, log


class SecondThoughtsError(Exception):
    """Asked to decide again."""


def main(dsn: str, stream: str) -> str:
    batch = Batch()

    def decide_once(_: Mapping[str, LedgerHead], __: Answers, ___: datetime) -> Decided:
        if batch.decided > 1:
            raise SecondThoughtsError
        events = [event(stream, version) for version in range(1, 201)]
        return Decided(events=events, keys=[key_row(stream, len(events))])

    batch.choose = decide_once
    with log(dsn) as store:
        try:
            store.appender.append(store.shard, batch)
        except Exception as error:  # noqa: BLE001 - its name is the answer
            return type(error).__name__
    return "appended"


if __name__ == "__main__":
    sys.stdout.write(main(*sys.argv[1:]) + "\n")
