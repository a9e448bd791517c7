"""Long streams are kept folded, so that a cold writer reads a snapshot and a short tail."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import structlog

from commands.folds import Folded, StreamKey, snapshot
from commands.memory import ShardMemory
from eventlog.log import LogUnavailableError, SnapshotStore

log = structlog.get_logger(__name__)

SNAPSHOT_EVERY = 500  # versions of a stream
WAITING_STREAMS_MAX = (
    2_000  # Beyond this they wait for the stream's next turn: a cache may be late.
)


class SnapshotKeeper:
    """Writes snapshots beside the committers. Losing one costs a longer read, never truth."""

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="snapshots")
        self._waiting = 0
        self._lock = Lock()

    def keep_due(self, streams: Iterable[StreamKey], memory: ShardMemory) -> None:
        """Hand over the confirmed states that moved far enough since their last snapshot."""
        due = []
        for key in streams:
            kept = memory.get(key)
            if kept is not None and kept.version - kept.snapshot_version >= SNAPSHOT_EVERY:
                due.append((key, kept))
        if due and self._admit(len(due)):
            for key, kept in due:
                memory.put(key, kept._replace(snapshot_version=kept.version))
            self._thread.submit(self._save, due)

    def close(self) -> None:
        self._thread.shutdown(wait=True)

    def _admit(self, count: int) -> bool:
        with self._lock:
            if self._waiting + count > WAITING_STREAMS_MAX:
                return False
            self._waiting += count
            return True

    def _save(self, due: list[tuple[StreamKey, Folded]]) -> None:
        try:
            self._store.save([snapshot(key, kept) for key, kept in due])
        except LogUnavailableError as error:
            log.warning("snapshots_not_kept", streams=len(due), error=str(error))
        except Exception as error:  # noqa: BLE001 - nobody awaits this: it would vanish
            trace = "".join(traceback.format_exception(error))
            log.error("snapshots_failed", streams=len(due), trace=trace)  # noqa: TRY400 - no locals
        finally:
            with self._lock:
                self._waiting -= len(due)
