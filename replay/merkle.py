"""Merkle trees as RFC 6962 builds them: one root over many leaves, and what proves one of them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256


def leaf_hash(content: bytes) -> bytes:
    """Of one leaf."""
    return sha256(b"\0" + content).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Over the hashes of the leaves, in their order; that of no leaf is the hash of nothing."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"").digest()
    half = _half(len(leaves))
    return _node(root_of(leaves[:half]), root_of(leaves[half:]))


def audit_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """What, together with the leaf at `index`, leads to the root: from the leaf upwards."""
    if len(leaves) <= 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*audit_path(leaves[:half], index), root_of(leaves[half:])]
    return [*audit_path(leaves[half:], index - half), root_of(leaves[:half])]


def root_by_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and its path lead to; None when a tree of `count` has no such path."""
    if not 0 <= index < count:
        return None
    if count == 1:
        return None if path else leaf
    if not path:
        return None
    half = _half(count)
    *lower, beside = path
    if index < half:
        left = root_by_path(leaf, index, half, lower)
        return None if left is None else _node(left, beside)
    right = root_by_path(leaf, index - half, count - half, lower)
    return None if right is None else _node(beside, right)


def _half(count: int) -> int:
    """The greatest power of two below `count`, which is more than one."""
    return 1 << (count - 1).bit_length() - 1


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()
