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


def audit_paths(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Of each leaf what, together with it, leads to the root: from the leaf upwards."""
    return _with_paths(leaves)[1]


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


def _with_paths(leaves: Sequence[bytes]) -> tuple[bytes, list[list[bytes]]]:
    """The root, and the path of each leaf to it: no part of the tree is hashed twice."""
    if len(leaves) <= 1:
        return root_of(leaves), [[] for _ in leaves]
    half = _half(len(leaves))
    (left, lefts), (right, rights) = _with_paths(leaves[:half]), _with_paths(leaves[half:])
    for path in lefts:
        path.append(right)
    for path in rights:
        path.append(left)
    return _node(left, right), [*lefts, *rights]


def _half(count: int) -> int:
    """The greatest power of two below `count`, which is more than one."""
    return 1 << (count - 1).bit_length() - 1


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()
