"""Values that are made often are made faster, and are otherwise what they were."""

from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from domain.construction import made_often


@made_often
@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    name: str
    units: int = 1
    marks: dict[str, str] = field(default_factory=dict)
    seen: object = field(default=None, compare=False)


def test_fields_are_set_defaulted_and_made_anew() -> None:
    one, other = Parcel(name="a"), Parcel(name="a", units=1, marks={}, seen="x")
    assert (one.name, one.units, one.marks, one.seen) == ("a", 1, {}, None)
    assert one == other
    assert one.marks is not Parcel(name="a").marks


def test_it_stays_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Parcel(name="a").units = 2  # type: ignore[misc]


def test_it_is_replaced_and_shown_as_before() -> None:
    assert replace(Parcel(name="a"), units=3).units == 3
    assert repr(Parcel(name="a")) == "Parcel(name='a', units=1, marks={}, seen=None)"


def test_a_missing_or_unknown_field_is_named() -> None:
    with pytest.raises(TypeError, match=r"Parcel\.__init__\(\) missing .* 'name'"):
        Parcel()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        Parcel(name="a", colour="red")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        Parcel("a")  # type: ignore[call-arg]
