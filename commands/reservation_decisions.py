"""What the domain decides on carts, longer reservations, and the ledger's policy: pure.

Facts or a refusal. A stream that was not read before raises StreamNotLoadedError.
"""

# ruff: noqa: D103 - each is named for its command, and the module's docstring is the contract of all

from __future__ import annotations

from commands import reservation_messages as say
from commands.messages import ExpireReservation, ReleaseReservation
from commands.own_units import in_own_units
from commands.view import CommandView, shelves_of
from domain import cart, policy, promises
from domain.events import CartLine, CartReserved
from domain.policy import Policy
from domain.refusals import Refusal
from domain.refusals_reservations import PartOfCart
from domain.streams import stock_stream
from domain.values import Facts, Occasion


@in_own_units
def reserve_cart(
    command: say.ReserveCart, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    proposed = CartReserved(
        reservation_id=command.reservation_id,
        lines=tuple(
            CartLine(line=line.line, sku=line.sku, location=line.location, quantity=line.quantity)
            for line in command.lines
        ),
        expires_at=command.expires_at,
    )
    shelves = view.shelves(cart.stock_streams(proposed.lines))
    known = view.cart(command.reservation_id)
    return cart.reserve(known, proposed, shelves, occasion, policy=view.policy())


def extend_cart(command: say.ExtendCart, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    known = view.cart(command.reservation_id)
    shelves = shelves_of(known, view)
    return cart.extend(
        known,
        command.reservation_id,
        command.expires_at,
        shelves,
        occasion,
        policy=view.policy(),
    )


def release_cart(
    command: say.ReleaseCart, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    known = view.cart(command.reservation_id)
    shelves = shelves_of(known, view)
    return cart.release(known, command.reservation_id, shelves, occasion)


def expire_cart(command: say.ExpireCart, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    known = view.cart(command.reservation_id)
    shelves = shelves_of(known, view)
    return cart.expire(known, command.reservation_id, shelves, occasion)


def extend_reservation(
    command: say.ExtendReservation, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    if _is_part_of_cart(command, view):
        return PartOfCart(reservation_id=command.reservation_id, remedy="extend_cart")
    return promises.extend(
        view.stock(command.sku, command.location),
        command.reservation_id,
        command.expires_at,
        occasion,
        policy=view.policy(),
    )


def release_reservation(
    command: ReleaseReservation, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    if _is_part_of_cart(command, view):
        return PartOfCart(reservation_id=command.reservation_id, remedy="release_cart")
    stock = view.stock(command.sku, command.location)
    return promises.release(stock, command.reservation_id, occasion)


def expire_reservation(
    command: ExpireReservation, view: CommandView, occasion: Occasion
) -> Facts | Refusal:
    if _is_part_of_cart(command, view):
        return PartOfCart(reservation_id=command.reservation_id, remedy="expire_cart")
    stock = view.stock(command.sku, command.location)
    return promises.expire(stock, command.reservation_id, occasion)


def _is_part_of_cart(
    command: say.ExtendReservation | ReleaseReservation | ExpireReservation, view: CommandView
) -> bool:
    """Whether this stock's share of an open cart is meant."""
    known = view.cart(command.reservation_id)
    stream = stock_stream(command.sku, command.location)
    return known is not None and known.ended is None and stream in known.stock_streams


def set_policy(command: say.SetPolicy, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    known = view.policy()
    return policy.set_to(known, command.after((known or Policy()).as_set()), occasion)


def open_quota(command: say.OpenQuota, view: CommandView, occasion: Occasion) -> Facts | Refusal:
    return policy.open_quota(view.policy(), command.units, command.policy_version, occasion)
