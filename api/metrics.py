"""What this process counts about itself; each series says in a line what it means."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Sequence
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from commands.submission import Answer
from eventlog.log import Appended, Appender, Decision

UNKNOWN_ROUTE = "unknown"
METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
EVENTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000)


class Metrics:
    """One registry a process; nothing of it is global."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests",
            "Answered HTTP requests.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "http_request_seconds",
            "From the request's head to the answer's end.",
            ("method", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.commands = Counter(
            "commands",
            "Commands answered, by outcome and code of refusal; replayed: answered before.",
            ("outcome", "code", "replayed"),
            registry=self.registry,
        )
        self.append_seconds = Histogram(
            "append_seconds",
            "One append: lock, catch up, decide, write, commit.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.append_failures = Counter(
            "append_failures",
            "Appends that ended in an error, by its class; each is told to its callers.",
            ("error",),
            registry=self.registry,
        )
        self.batch_events = Histogram(
            "group_commit_batch_events",
            "Events written by one append: how well waiting commands share transactions.",
            buckets=EVENTS,
            registry=self.registry,
        )

    def count_answers(self, answers: Sequence[Answer]) -> None:
        """Add answers to `commands`."""
        tally = Tally((each.outcome, each.code or "", each.replayed) for each in answers)
        for (outcome, code, replayed), count in tally.items():
            self.commands.labels(outcome, code, str(replayed).lower()).inc(count)


class MeasuredAppender:
    """An `Appender` that measures the one it wraps."""

    def __init__(self, appender: Appender, metrics: Metrics) -> None:
        self._appender = appender
        self._metrics = metrics

    def append(self, shard: int, decision: Decision) -> Appended:
        """As the wrapped one."""
        began = perf_counter()
        try:
            appended = self._appender.append(shard, decision)
        except Exception as error:
            self._metrics.append_failures.labels(type(error).__name__).inc()
            raise
        self._metrics.append_seconds.observe(perf_counter() - began)
        written = appended.last_shard_position - appended.first_shard_position + 1
        if written:
            self._metrics.batch_events.observe(written)
        return appended


class CountRequests:
    """ASGI middleware: counts and times what the routes answer, by route and not by address."""

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, timer: Callable[[], float] = perf_counter
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._timer = timer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._timer()
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            # An address that is no route would make a series of its own for every guess.
            route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.request_seconds.labels(method, route).observe(self._timer() - began)
