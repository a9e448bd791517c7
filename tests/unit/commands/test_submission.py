from typing import get_args

import pytest

from commands.message import body_hash
from commands.messages import COMMAND_TYPES
from commands.order_messages import OrderedLine, PlaceOrder
from commands.personal import ShipTo
from commands.submission import Approved, Submission, subject_id

LINE = OrderedLine(line=1, sku="a", location="hall", quantity=1)


def order(customer: str | None) -> PlaceOrder:
    return PlaceOrder(type="place_order", key="k", order_id="o", lines=(LINE,), customer=customer)


def test_a_subject_id_is_stable_and_differs_by_secret_and_kind() -> None:
    one = subject_id(b"secret", "customer", "ada@example.org")
    assert one == subject_id(b"secret", "customer", "ada@example.org")
    assert one != subject_id(b"other", "customer", "ada@example.org")
    assert one != subject_id(b"secret", "actor", "ada@example.org")
    assert "ada" not in one


def test_a_customer_in_clear_cannot_be_submitted() -> None:
    with pytest.raises(ValueError, match="not a subject id"):
        Submission(tenant="acme", actor="key_1", command=order("ada@example.org"))
    opaque = subject_id(b"secret", "customer", "ada@example.org")
    assert Submission(tenant="acme", actor="key_1", command=order(opaque)).ledger == "acme/main"


def test_a_destination_in_clear_cannot_be_submitted_and_a_sealed_one_is_part_of_the_body() -> None:
    opaque = subject_id(b"secret", "customer", "ada@example.org")
    ship_to = ShipTo(name="Ada", address_lines=("12 Square",), city="London", country="GB")
    clear = order(opaque).model_copy(update={"ship_to": ship_to})
    with pytest.raises(ValueError, match="ship_to is not sealed"):
        Submission(tenant="acme", actor="key_1", command=clear)
    sealed = clear.opaque(opaque, "siv1.a.b")
    assert Submission(tenant="acme", actor="key_1", command=sealed).command is sealed
    assert (sealed.ship_to, sealed.sealed_ship_to) == (None, "siv1.a.b")
    bodies = {body_hash(each) for each in (sealed, clear.opaque(opaque, "siv1.a.c"), order(opaque))}
    assert len(bodies) == 3
    assert clear.opaque(opaque, None).body() == order(opaque).body()


@pytest.mark.parametrize("actor", ["", "Ada Lovelace", "ada@example.org", "sub_ADA", "key_"])
def test_an_actor_in_clear_cannot_submit(actor: str) -> None:
    with pytest.raises(ValueError, match="not opaque"):
        Submission(tenant="acme", actor=actor, command=order(None))


def test_a_trace_that_is_no_plain_text_is_refused() -> None:
    with pytest.raises(ValueError, match="printable"):
        Submission(tenant="acme", actor="key_1", command=order(None), traceparent="a\nb")


def test_every_command_that_names_an_approver_is_guarded() -> None:
    naming = {each for each in COMMAND_TYPES.values() if "approved_by" in each.model_fields}
    assert naming == set(get_args(Approved))
