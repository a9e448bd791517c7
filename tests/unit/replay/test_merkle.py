"""A leaf is proven by its path to the root, and nothing else is."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from replay.merkle import audit_paths, leaf_hash, root_by_path, root_of

SIZES = st.integers(min_value=1, max_value=40)


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def test_the_tree_is_that_of_rfc_6962() -> None:
    one, two, three = leaves_of(3)
    assert root_of([]) == sha256(b"").digest()
    assert one == sha256(b"\x000").digest()
    left = sha256(b"\x01" + one + two).digest()
    assert root_of([one, two, three]) == sha256(b"\x01" + left + three).digest()
    assert audit_paths([one, two, three]) == [[two, three], [one, three], [left]]
    assert audit_paths([]) == []


@given(SIZES, st.data())
def test_every_leaf_leads_to_the_root_by_its_own_path_only(count: int, data: st.DataObject) -> None:
    leaves = leaves_of(count)
    index = data.draw(st.integers(min_value=0, max_value=count - 1))
    path, root = audit_paths(leaves)[index], root_of(leaves)
    assert root_by_path(leaves[index], index, count, path) == root
    assert root_by_path(leaf_hash(b"another"), index, count, path) != root
    for other in (index - 1, index + 1):
        assert root_by_path(leaves[index], other, count, path) != root
    assert root_by_path(leaves[index], index, count, [*path, root]) is None
    assert root_by_path(leaves[index], index, count, path[1:]) != root or not path
    assert root_by_path(leaves[index], count, count, path) is None
