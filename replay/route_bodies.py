"""What the HTTP operations of replay take and answer, with the examples that their document has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from projections.editions import CURRENT
from replay.diff.expectations import RULES_MAX
from replay.planning import Request
from replay.records import State
from replay.steps import StepName
from replay.touching import Selection

NAMES_MAX: Final = 1_000
CORES_MAX: Final = 256
BUDGET_SECONDS_MAX: Final = 3_600.0
BUDGET_SECONDS: Final = 5.0
Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[list[Name], Field(max_length=NAMES_MAX)]
Position = Annotated[int, Field(ge=1)]

PLAN_EXAMPLE: Final = {"projections": ["stock_levels", "availability"], "edition": "1"}
STEP_EXAMPLES: Final[Mapping[StepName, Mapping[str, object]]] = {
    "run": {"cores": 2, "budget": 5.0, "source": "store"},
    "diff": {"expect": ["type=stock.returned.v1 to=damaged"]},
    "promote": {
        "accept": "damaged returns were counted twice",
        "difference_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
    "rollback": {},
    "retire": {},
    "cancel": {},
}


class _Body(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class Wrong(_Body):
    """What is wrong, where it is not the code that says so. What is left out does not restrict."""

    types: Names = Field(default=[], description="Events of these types, as they are stored.")
    tenants: Names = []
    skus: Names = []
    since: AwareDatetime | None = Field(default=None, description="What was recorded from then on.")
    until: AwareDatetime | None = Field(default=None, description="What was recorded before then.")
    first_position: Position | None = Field(default=None, description="Of each ledger.")
    last_position: Position | None = None


class PlanBody(_Body):
    """What a replay is to build; without `projections`, every read model that other code folds."""

    projections: Names = Field(default=[], examples=[["stock_levels"]])
    edition: Name = Field(default=CURRENT, description="The code that folds the new versions.")
    selection: Wrong = Wrong()
    cores: Annotated[int, Field(ge=1, le=CORES_MAX)] | None = Field(
        default=None, description="For the forecast (default: those of this machine)."
    )
    anyway: bool = Field(default=False, description="Whole versions, also when no code changed.")
    planted: bool = Field(
        default=False, description="The edition may be one that is known to be wrong: for drills."
    )
    dry_run: bool = Field(default=False, description="Say it; make nothing.")

    def request(self, cores: int) -> Request:
        """As `plan` takes it. `cores`: of this machine."""
        wrong = self.selection
        return Request(
            projections=list(dict.fromkeys(self.projections)),
            edition=self.edition,
            selection=Selection(
                types=frozenset(wrong.types),
                tenants=frozenset(wrong.tenants),
                skus=frozenset(wrong.skus),
                since=wrong.since,
                until=wrong.until,
                first_position=wrong.first_position,
                last_position=wrong.last_position,
            ),
            cores=self.cores or cores,
            anyway=self.anyway,
            planted=self.planted,
        )


class StepBody(_Body):
    """Of a step that has nothing to be told."""

    def arguments(self) -> list[str]:
        """As the command of the step's name takes them."""
        return []


class RunBody(StepBody):
    """How the versions are built."""

    cores: Annotated[int, Field(ge=0, le=CORES_MAX)] | None = Field(
        default=None, description="Processes that fold (default: one per core)."
    )
    budget: float = Field(
        default=BUDGET_SECONDS,
        gt=0,
        le=BUDGET_SECONDS_MAX,
        description="Wait while a live read model is more seconds behind than this.",
    )
    source: Annotated[str, Field(pattern=r"^(store|kafka|archive:.+)$", max_length=1_000)] = Field(
        default="store", description="store, kafka or archive:PATH."
    )
    paranoid: bool = Field(
        default=False, description="Build twice, cut differently, and compare the bytes."
    )

    def arguments(self) -> list[str]:
        told = [f"--budget={self.budget}", f"--from={self.source}"]
        told += [] if self.cores is None else [f"--cores={self.cores}"]
        return [*told, "--paranoid"] if self.paranoid else told


class DiffBody(StepBody):
    """What is expected to differ: rules of name=value words, as `replay diff --expect` has them."""

    expect: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1_000)]], Field(max_length=RULES_MAX)
    ] = []

    def arguments(self) -> list[str]:
        return [f"--expect={rule}" for rule in self.expect]


class PromoteBody(StepBody):
    """`accept`: promote in spite of surprises, for this reason; it and the key are recorded."""

    accept: Annotated[str, Field(pattern=r"\S", max_length=1_000)] | None = None
    difference_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None,
        description="What is accepted, as GET /diff names it; to be sent with `accept`.",
    )

    def arguments(self) -> list[str]:
        told = [] if self.accept is None else [f"--accept={self.accept}"]
        looked_at = self.difference_sha256
        return told if looked_at is None else [*told, f"--difference={looked_at}"]


STEP_BODIES: Final[Mapping[StepName, type[StepBody]]] = {
    "run": RunBody,
    "diff": DiffBody,
    "promote": PromoteBody,
    "rollback": StepBody,
    "retire": StepBody,
    "cancel": StepBody,
}


class AtWork(BaseModel):
    """Who holds the replay's lease. A process that dies loses it within 10 seconds."""

    name: StepName | None = Field(description="The step; null when its process did not say.")
    owner: str


class TargetAnswer(BaseModel):
    projection: str
    from_version: int
    to_version: int
    edition: str = Field(description="The code that folds `to_version`.")
    is_open: bool = Field(description="No other replay of this projection may begin.")


class ReplayEntry(BaseModel):
    """How far a replay is. `progress` is empty before it ran."""

    replay_id: UUID
    state: State
    step: AtWork | None = Field(description="What a living process does with it just now.")
    next: list[StepName] = Field(description="The steps that its state allows.")
    targets: list[TargetAnswer]
    progress: dict[str, Any] = Field(
        description="events, events_total, events_per_second, seconds_left, waiting; of one "
        "replay also `shards`: position of head, per read model, store and shard."
    )
    diff: dict[str, Any] | None = Field(description="Figures; the cells are under /diff.")
    error: str | None = Field(description="How the last step that failed ended.")
    owner: str | None
    created_at: datetime
    updated_at: datetime


class ReplayAnswer(ReplayEntry):
    """Everything about a replay but the cells that differ and what its receipts say."""

    plan: dict[str, Any]
    acceptance: dict[str, Any] | None = Field(description="Who accepted which surprises, and why.")
    cutover: dict[str, Any] | None = Field(description="The last switch, and those before it.")
    receipt: dict[str, Any] | None = Field(description="Its hash; the rest is under /receipt.")


class ReplayList(BaseModel):
    replays: list[ReplayEntry]


class PlanAnswer(BaseModel):
    """A plan of which nothing was made: `dry_run`, or keys of the live versions are to be put
    right instead (`backstock replay key`).
    """

    replay_id: None = None
    plan: dict[str, Any]


class StepAnswer(BaseModel):
    """The step is under way; the replay (Location) tells how it ends."""

    replay_id: UUID
    step: StepName


class DiffAnswer(BaseModel, extra="allow"):
    """As `backstock replay diff --json` says it."""

    replay_id: UUID
    difference_sha256: str = Field(description="For whoever accepts its surprises.")
    surprises: int
    projections: dict[str, Any]


class ReceiptAnswer(BaseModel):
    """The receipts of a replay, the latest last; `ok`: each holds."""

    replay_id: UUID
    ok: bool
    receipts: list[dict[str, Any]]
