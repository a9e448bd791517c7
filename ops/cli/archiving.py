"""`backstock archive write|check|restore`: the log as sealed Parquet files, and back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ops.cli.output import print_json
from ops.cli.progress import progress
from ops.cli.stack import AsJson, Data, directory_of
from ops.settings import Settings
from ops.stack.directory import DataDirectory
from ops.stack.errors import StackError
from ops.stores import Stores

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from replay.archive.restoring import Restored

SEGMENT_EVENTS_MIN, SEGMENT_EVENTS_MAX = 1, 2_000_000
Told = Callable[[int, int], None]
TargetName = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="A directory, or s3://bucket/prefix (?endpoint_override=host:port&scheme=http).",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", help="Public key that must have signed manifest and heads (PEM)."),
]


class ArchiveFaultError(StackError):
    """What the archive's own fault says, for the command line."""


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    group = typer.Typer(help="The log as sealed Parquet files.", no_args_is_help=True)
    for command in (write, check, restore):
        group.command()(command)
    app.add_typer(group, name="archive")


def write(
    target: TargetName,
    *,
    segment_events: Annotated[
        int,
        typer.Option(
            min=SEGMENT_EVENTS_MIN, max=SEGMENT_EVENTS_MAX, help="Events of a segment at the most."
        ),
    ] = 250_000,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Archive what the store has beyond TARGET: new sealed segments, keys, heads, tenants.

    A later run only adds. The store may be at work meanwhile. The archive holds command keys, the
    hashes of API keys and who subjects are: keep it as you keep the database.

    For example:

        backstock archive write /srv/archive

        backstock archive write "s3://stock/archive?region=eu-central-1" --json
    """
    from eventlog.heads import PRIVATE_NAME, HeadKey
    from eventlog.postgres.connections import open_log_pool
    from eventlog.postgres.reader import PostgresReader
    from replay.archive import writing
    from replay.archive.target import Target

    stores = Stores.of(Settings(data=directory_of(data).root))
    has_key = (stores.keys_directory / PRIVATE_NAME).exists()
    started = time.monotonic()
    with (
        _sentences(),
        progress("events") as told,
        open_log_pool(stores.log_dsn, size=1, name="backstock-archive") as pool,
    ):
        done = writing.write(
            Target.of(target),
            log_dsn=stores.log_dsn,
            reader=PostgresReader(pool),
            key=HeadKey.in_directory(stores.keys_directory) if has_key else None,
            now=lambda: datetime.now(UTC),
            segment_events=segment_events,
            progress=told,
        )
    _answer(
        asdict(done),
        started,
        f"archived {done.events:,} events in {done.segments} segments and"
        f" {done.command_keys:,} command keys; {done.events_in_all:,} events in all",
        as_json=as_json,
    )


def check(target: TargetName, *, key: KeyFile = None, as_json: AsJson = False) -> None:
    """Read every file of an archive: hashes, contiguity, the chain anew, signed heads.

    Stops at the first difference and names it. With --key, the manifest and a head of each ledger
    must be signed by it. Without, signatures are held against the public key in the archive itself,
    which somebody who can forge all of it could have forged too.

    For example:

        backstock archive check /srv/archive --key keys/head.ed25519.pub
    """
    from replay.archive import proof
    from replay.archive.target import Target

    started = time.monotonic()
    with _sentences(), progress("events") as told:
        done = proof.check(Target.of(target), trusted=_public(key), progress=told)
    _answer(
        {"ok": True, **asdict(done)},
        started,
        f"{done.events:,} events in {done.segments} segments and {done.command_keys:,} command"
        f" keys are as they were archived; {done.signed_heads} signed heads hold,"
        f" {_said_of_signature(done.signed_by, done.unproven)}",
        as_json=as_json,
    )


def restore(
    target: TargetName,
    *,
    key: KeyFile = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Make an empty store the archived one, all or nothing, checking every file.

    On a data directory, PostgreSQL is started for it; a stack that runs there is stopped meanwhile.
    A database of your own must be migrated, empty and used by no role. Start the stack
    afterwards: it fills Kafka and folds the read models, each as version 1 with the editions of
    this release; replays and kept versions are not archived. To go on signing heads with the same
    key, put `keys/` of the old data directory into the new one first.

    For example:

        backstock archive restore /srv/archive --data /srv/stock-again
    """
    directory = directory_of(data)
    public, started = _public(key), time.monotonic()
    with _sentences(), progress("events") as told:
        done = _restore(target, directory, public, told)
    _answer(
        asdict(done),
        started,
        f"restored {done.events:,} events and {done.command_keys:,} command keys of"
        f" {done.ledgers} ledgers, as epoch {done.epoch}",
        as_json=as_json,
    )
    if not as_json:
        for note in _notes(done):
            Console(stderr=True).print(f"note: {note}", highlight=False, soft_wrap=True)


def _notes(done: Restored) -> Iterator[str]:
    yield _said_of_signature(done.signed_by, done.unproven)
    yield "read models begin at version 1, with this release's editions; replays are planned anew"
    if done.heads_left_out:
        yield f"{done.heads_left_out} heads signed by another key stay in the archive"


def _said_of_signature(signed_by: str, unproven: int) -> str:
    manifest = f"the manifest is signed by key {signed_by}" if signed_by else "nobody has signed it"
    return f"{manifest}; {unproven:,} events are behind no signed head"


def _restore(
    target: str, directory: DataDirectory, public: Ed25519PublicKey | None, told: Told
) -> Restored:
    from ops.stack.detached import start_detached, stop_detached
    from ops.stack.parts import running
    from ops.stack.postgres import PostgresPart
    from replay.archive.target import Target

    settings = Settings(data=directory.root)
    shards = Target.of(target).known_manifest().shards
    if "postgres" in settings.external_addresses():
        return _restore_at(target, Stores.of(settings), public, told)
    if directory.holder() is not None:
        _refuse_filled(Stores.of(settings).admin_dsn)
    was_running = stop_detached(directory)
    try:
        with running(PostgresPart(), directory.root) as address:
            stores = Stores(settings=settings, directory=directory, addresses={"postgres": address})
            _migrate(stores, shards)
            return _restore_at(target, stores, public, told)
    finally:
        if was_running:
            start_detached(directory, Console(stderr=True))


def _restore_at(
    target: str, stores: Stores, public: Ed25519PublicKey | None, told: Told
) -> Restored:
    from eventlog.heads import HeadKey
    from replay.archive import restoring
    from replay.archive.target import Target

    return restoring.restore(
        Target.of(target),
        admin_dsn=stores.admin_dsn,
        key_id=HeadKey.in_directory(stores.keys_directory).key_id,
        trusted=public,
        progress=told,
    )


def _refuse_filled(admin_dsn: str) -> None:
    """Before a stack is stopped for nothing."""
    import psycopg

    from replay.archive.restoring import refuse_filled

    with psycopg.connect(admin_dsn) as connection:
        refuse_filled(connection)


def _migrate(stores: Stores, shards: int) -> None:
    """A new data directory gets a store of as many shards as the archive's."""
    import psycopg

    from migrations.runner import migrate

    with psycopg.connect(stores.admin_dsn) as connection:
        known = connection.execute("SELECT to_regclass('public.store_identity')").fetchone()
    migrate(
        stores.admin_dsn,
        log_password=stores.log_password,
        read_password=stores.read_password,
        shards=shards if known == (None,) else None,
    )


def _public(path: Path | None) -> Ed25519PublicKey | None:
    from ops.verification import head_key

    if path is None:
        return None
    key = head_key(path)
    if key is None:
        raise ArchiveFaultError(f"{path}: there is no such file; give a public key by --key")
    return key


@contextmanager
def _sentences() -> Iterator[None]:
    """The archive's faults as the command line shows them."""
    from eventlog.log import LogGapError
    from ops.processes.lifecycle import calm_collector
    from replay.archive.faults import ArchiveError

    calm_collector()
    try:
        yield
    except (ArchiveError, LogGapError) as error:
        raise ArchiveFaultError(str(error)) from error


def _answer(found: dict[str, Any], started: float, sentence: str, *, as_json: bool) -> None:
    seconds = round(time.monotonic() - started, 3)
    if as_json:
        rate = round(found["events"] / seconds) if seconds else 0
        print_json({**found, "seconds": seconds, "events_per_second": rate})
    else:
        Console().print(f"{sentence} ({seconds:.1f} s)", highlight=False, soft_wrap=True)
