"""Stream `replay-<id>`: what happened to the read models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPromoted:
    """From here on readers are shown what a replay built out of the events up to `up_to`.

    `read_models` are `<projection> v<version>`; `events_root` is over the chain hashes of all
    ledgers, of which this one is number `leaf` of `leaves`, proven by `audit_path`; the signature,
    in base64, is over the receipt's hash and that root (replay.receipt).
    """

    replay_id: str
    generation: int
    read_models: tuple[str, ...]
    up_to: int
    receipt_sha256: str
    events_root: str
    leaf: int
    leaves: int
    audit_path: tuple[str, ...]
    key_id: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRolledBack:
    """From here on readers are shown again what answered before a replay was promoted, which had
    folded the events up to `up_to`.
    """

    replay_id: str
    generation: int
    read_models: tuple[str, ...]
    up_to: int
