import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.positions import Positions
from api.problems import Problem
from api.sealing import BrokenSealError, Sealer

SEALER = Sealer(b"secret of the deployment")
POSITIONS = Positions(sealer=SEALER, epoch=1)


def test_what_was_sealed_comes_back_for_its_purpose_and_tenant_only() -> None:
    sealed = SEALER.seal("cursor", "acme", ["a", 7])
    assert SEALER.open("cursor", "acme", sealed) == ["a", 7]
    for purpose, tenant, sealer in [
        ("position", "acme", SEALER),
        ("cursor", "apex", SEALER),
        ("cursor", "acme", Sealer(b"another secret")),
    ]:
        with pytest.raises(BrokenSealError):
            sealer.open(purpose, tenant, sealed)


@given(st.data())
def test_no_changed_character_goes_unseen(data: st.DataObject) -> None:
    sealed = SEALER.seal("cursor", "acme", ["a", 7])
    index = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.characters().filter(lambda character: character != sealed[index]))
    with pytest.raises(BrokenSealError):
        SEALER.open("cursor", "acme", sealed[:index] + other + sealed[index + 1 :])


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BrokenSealError):
        SEALER.open("cursor", "acme", text)


def test_a_token_asks_for_its_ledgers_position() -> None:
    token = POSITIONS.token("acme", {"main": 7, "outlet": 9})
    assert token is not None
    assert POSITIONS.wanted("acme", "outlet", token) == 9
    assert POSITIONS.wanted("acme", "main", "12") == 12
    assert POSITIONS.token("acme", {}) is None


@pytest.mark.parametrize("given", ["-1", "1.5", "١٢", "9" * 30, "", "abc", " 7"])
def test_what_is_neither_position_nor_token_is_refused(given: str) -> None:
    with pytest.raises(Problem) as caught:
        POSITIONS.wanted("acme", "main", given)
    assert caught.value.code == "invalid_token"


def test_a_token_is_void_elsewhere() -> None:
    token = POSITIONS.token("acme", {"main": 7})
    assert token is not None
    restored = Positions(sealer=SEALER, epoch=2)
    for positions, tenant, ledger in [
        (POSITIONS, "apex", "main"),
        (POSITIONS, "acme", "outlet"),
        (restored, "acme", "main"),
    ]:
        with pytest.raises(Problem):
            positions.wanted(tenant, ledger, token)
