"""One of many writers: `python -m tests.integration.gap_writer DSN NUMBER EVENTS`.

Appends batches of 1 to 20 events, of which a fifth is rolled back when its rows are in the database
already, until so many events are committed; prints how many rollbacks it took.
"""

from __future__ import annotations

import sys
from random import Random

from eventlog.postgres import append
from tests.appends import event, log

ROLLED_BACK = 0.2


class RolledBackError(Exception):
    pass


def main(dsn: str, number: str, wanted: str) -> int:
    random = Random(int(number))
    rollbacks, version = 0, 0

    def roll_back_some(name: str) -> None:
        if name == "append.copied" and random.random() < ROLLED_BACK:
            raise RolledBackError

    append.crash_point = roll_back_some  # type: ignore[attr-defined]
    with log(dsn) as store:
        while version < int(wanted):
            size = min(random.randint(1, 20), int(wanted) - version)
            batch = [event(f"writer-{number}", version + each) for each in range(1, size + 1)]
            try:
                store.append(*batch)
            except RolledBackError:
                rollbacks += 1
            else:
                version += size
    return rollbacks


if __name__ == "__main__":
    sys.stdout.write(f"{main(*sys.argv[1:])}\n")
