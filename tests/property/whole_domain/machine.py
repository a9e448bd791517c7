"""The state machine: commands of all kinds for the ledgers of three tenants, time that goes on, and
process managers that follow. What is checked after each command is in `laws` and `book`.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import cache
from itertools import count
from typing import ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from commands.messages import COMMAND
from commands.submission import Mode, Submission
from tests.property.whole_domain.book import Book, effects
from tests.property.whole_domain.laws import Laws, at_the_end
from tests.property.whole_domain.ledgers import LEDGERS, Done, Ledgers
from tests.property.whole_domain.managers import Managers
from tests.property.whole_domain.moves import AREAS, possible
from tests.property.whole_domain.sight import Body, Draws, Sight

CHOICES = st.binary(min_size=64, max_size=64)
ACTOR = "key_clerk"
MOSTLY = (*LEDGERS[:1] * 5, *LEDGERS)
"""Depth in one ledger, and now and then the others beside it."""
JUMPS = (1, 20, 700, 1_500, 3_000)
ROUNDS_MAX = 40
ITEMS: tuple[Body, ...] = (
    {"sku": "plain"},
    {"sku": "lot", "tracking": "lot"},
    {"sku": "serial", "tracking": "serial"},
    {"sku": "kit"},
)
OPENING: tuple[Body, ...] = (
    *({"type": "register_item", "name": each["sku"], **each} for each in ITEMS),
    {"type": "register_location", "location": "hall", "name": "hall",
     "latitude_microdegrees": 10, "longitude_microdegrees": 10},
    {"type": "register_location", "location": "shop", "name": "shop"},
    {"type": "register_location", "location": "bin", "name": "bin", "parent": "hall",
     "location_type": "bin"},
    {"type": "define_unit", "sku": "plain", "unit": "case", "numerator": 3},
    {"type": "compose_kit", "sku": "kit", "components": [
        {"sku": "plain", "quantity": 2}, {"sku": "lot", "quantity": 1}]},
)  # fmt: skip


class WholeDomain(RuleBasedStateMachine):
    """`outcomes` counts, over all examples, what became of the commands of each type."""

    outcomes: ClassVar[Counter[tuple[str, str]]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        ledgers, laws, commands = opened()
        self.names = count(1)
        self.keys = count(1)
        self.ledgers = ledgers.copy()
        self.laws = laws.copy()
        self.managers = Managers()
        self.books = {name: Book(name) for name in LEDGERS}
        self.sent: list[Submission] = []
        self.salt = 0
        self.is_whole = True
        self.seen: Counter[bytes] = Counter()
        for each in commands:
            effects()[each.command.type_name](self.books[each.ledger], each.command)

    @initialize(choices=CHOICES, salt=st.integers(0, 2**32 - 1))
    def begins(self, choices: bytes, salt: int) -> None:
        """With some stock, in one or all of the ledgers."""
        self.salt = salt
        draws = self._draws(choices)
        for name in LEDGERS if draws.flag() else LEDGERS[:1]:
            units = draws.below(12)
            lots = [{"lot": "L1", "quantity": 4, "expires_on": "2026-03-03"}]
            for sku, quantity, named in (("plain", units, []), ("lot", 4, lots)):
                if quantity:
                    self._send(name, "receive_stock", {
                        "sku": sku, "location": "hall", "quantity": quantity, "lots": named,
                    })  # fmt: skip
        self._send(LEDGERS[0], "receive_stock", {
            "sku": "serial", "location": "hall", "quantity": 2, "serials": ["S1", "S2"],
        })  # fmt: skip

    @rule(choices=CHOICES)
    def stock(self, choices: bytes) -> None:
        self._moves("stock", choices)

    @rule(choices=CHOICES)
    def lots(self, choices: bytes) -> None:
        self._moves("lots", choices)

    @rule(choices=CHOICES)
    def reservations(self, choices: bytes) -> None:
        self._moves("reservations", choices)

    @rule(choices=CHOICES)
    def register(self, choices: bytes) -> None:
        self._moves("register", choices)

    @rule(choices=CHOICES)
    def orders(self, choices: bytes) -> None:
        self._moves("orders", choices)

    @rule(choices=CHOICES)
    def shelf(self, choices: bytes) -> None:
        self._moves("shelf", choices, most=6)

    @rule(choices=CHOICES)
    def orders_go_on(self, choices: bytes) -> None:
        self._moves("flow", choices, most=6)

    @rule(choices=CHOICES)
    def what_was_sent(self, choices: bytes) -> None:
        self._moves("sent", choices)

    @rule(choices=CHOICES)
    def purchases(self, choices: bytes) -> None:
        self._moves("purchases", choices, most=6)

    @rule(choices=CHOICES)
    def transfers(self, choices: bytes) -> None:
        self._moves("transfers", choices, most=6)

    @rule(choices=CHOICES)
    def work(self, choices: bytes) -> None:
        self._moves("work", choices, most=6)

    @rule(choices=CHOICES)
    def several_in_one_append(self, choices: bytes) -> None:
        draws = self._draws(choices)
        name, mode = draws.pick(MOSTLY), draws.pick(MODES)
        areas = sorted(AREAS)
        sight = self._sight(name, draws)
        bodies = [possible(draws.pick(areas), sight) for _ in range(2 + draws.below(2))]
        self._submit(*(self._submission(name, *each) for each in bodies), mode=mode)

    @rule(choices=CHOICES)
    def sends_again(self, choices: bytes) -> None:
        """The same key has one answer and one effect; with another body it is refused."""
        draws = self._draws(choices)
        submission = draws.pick(self.sent[-8:])
        before = self.ledgers.keys[submission.ledger, submission.command.key]
        if draws.flag():
            self.ledgers.forget()
        (done,) = self.ledgers.submit(submission)
        assert done.answer.replayed
        assert done.answer.body == before.answer
        other = submission.command.model_copy(update={"occurred_at": self.ledgers.now})
        if other != submission.command:
            changed = Submission(tenant=submission.tenant, actor=ACTOR, command=other)
            (done,) = self.ledgers.submit(changed)
            assert done.answer.outcome == "key_conflict"

    @rule(minutes=st.sampled_from(JUMPS), at_once=st.booleans())
    def time_passes(self, minutes: int, *, at_once: bool) -> None:
        """With process managers that keep up, or fall behind."""
        self.ledgers.now += timedelta(minutes=minutes)
        if at_once:
            self.process_managers_follow()

    @rule()
    def process_managers_follow(self) -> None:
        """Until nothing is due."""
        for _ in range(ROUNDS_MAX):
            self.managers.follow(self.ledgers)
            due = self.managers.due(self.ledgers)
            if not due:
                return
            for key, submission in due:
                if key in self.managers.waiting:
                    (done,) = self._submit(submission)
                    self.managers.answered(key, done)
        raise AssertionError("process managers never come to rest")

    def teardown(self) -> None:
        """Unless a step has failed."""
        if not self.is_whole:
            return
        self.process_managers_follow()
        for book in self.books.values():
            book.at_rest()
        at_the_end(self.ledgers, self.laws)

    # --- one command

    def _moves(self, area: str, choices: bytes, most: int = 3) -> None:
        draws = self._draws(choices)
        name = draws.pick(MOSTLY)
        for _ in range(1 + draws.below(most)):
            self._send(name, *possible(area, self._sight(name, draws)))
            self.ledgers.now += timedelta(seconds=30)

    def _draws(self, choices: bytes) -> Draws:
        """The same string means something else each time it comes in an example."""
        self.seen[choices] += 1
        return Draws(choices, self.salt + self.seen[choices])

    def _sight(self, name: str, draws: Draws) -> Sight:
        return Sight(self.books[name], draws, self.ledgers.now, self.names)

    def _send(self, name: str, kind: str, body: Body) -> Done:
        (done,) = self._submit(self._submission(name, kind, body))
        return done

    def _submission(self, name: str, kind: str, body: Body) -> Submission:
        return submission(name, {**body, "type": kind, "key": f"k{next(self.keys)}"})

    def _submit(self, *submissions: Submission, mode: Mode = "independent") -> list[Done]:
        self.is_whole = False
        found = self.ledgers.submit(*submissions, mode=mode)
        for done in found:
            note(told_of(done))
            self.outcomes[done.command.type_name, done.answer.code or done.answer.outcome] += 1
            self.laws.follow(done)
            self.books[done.ledger].follow(done, alone=mode == "independent")
            if (done.ledger, done.command.key) in self.ledgers.keys:
                self.sent.append(done.submission)
        self.laws.hold_against(self.ledgers)
        for ledger in {done.ledger for done in found}:
            self.books[ledger].hold_against(self.ledgers)
        self.is_whole = True
        return found


def told_of(done: Done) -> str:
    """For whoever reads a failure."""
    body = done.command.model_dump_json(exclude_defaults=True)
    return f"{done.now:%d. %H:%M} {done.ledger} {body} -> {done.answer.code or done.answer.outcome}"


def submission(name: str, body: Body) -> Submission:
    tenant, _, ledger = name.partition("/")
    command = COMMAND.validate_python({**body, "ledger": ledger})
    return Submission(tenant=tenant, actor=ACTOR, command=command)


@cache
def opened() -> tuple[Ledgers, Laws, list[Submission]]:
    """Ledgers with items and locations, which every example begins with."""
    ledgers, laws = Ledgers(), Laws()
    commands = [
        submission(name, {**body, "key": f"opening-{number}"})
        for name in LEDGERS
        for number, body in enumerate(OPENING)
    ]
    for done in ledgers.submit(*commands):
        assert done.accepted, done.answer.body
        laws.follow(done)
    laws.hold_against(ledgers)
    return ledgers, laws, commands


MODES: tuple[Mode, ...] = ("independent", "atomic")
