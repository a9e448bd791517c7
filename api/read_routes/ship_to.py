"""Where an order goes: the one answer that holds a person's name and address."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Security
from pydantic import BaseModel

from api.answer_schemas import READ_PROBLEMS, AsOf
from api.authentication import PERSONAL, READ
from api.problems import Problem
from api.read_side import Ask, ReadSide, View
from api.requests import Authenticate
from commands.personal import ShipTo
from domain.events import OrderPlaced
from domain.streams import order_stream
from domain.values import ID_PATTERN
from eventlog.codec import decode

OrderId = Annotated[str, Path(pattern=ID_PATTERN)]
EXCHANGES_MAX = 20  # one behind another, that are followed to where the first one went
PLACED = "SELECT type, data FROM events WHERE ledger = %s AND stream = %s AND stream_version = 1"


class ShipToAnswer(BaseModel):
    """`none`: the order names no destination. `forgotten`: nobody can read any more what it was."""

    as_of: AsOf
    order_id: str
    state: Literal["known", "forgotten", "none"]
    ship_to: ShipTo | None = None


def ship_to_routes(reads: ReadSide, authenticate: Authenticate) -> APIRouter:
    """Out of the log itself: no read model holds a destination, not even a sealed one."""
    router = APIRouter(prefix="/v1/ship-to", tags=["orders"], responses=READ_PROBLEMS)
    asking = Security(reads.asking_log(authenticate), scopes=[READ, PERSONAL])

    @router.get("/{order_id:path}", operation_id="read_ship_to", summary="Where an order goes")
    def read_ship_to(order_id: OrderId, ask: Annotated[Ask, asking]) -> ShipToAnswer:
        """The name and address an order was placed with; what is sent in exchange goes where the
        first one went. Needs the scope `personal:read`.
        """
        with reads.view(ask) as view:
            placed = _placed(view, order_id)
            if placed is None:
                raise Problem("unknown_order", "There is no such order in this ledger.")
            for _ in range(EXCHANGES_MAX):
                if placed.ship_to is not None or placed.exchange_of is None:
                    break
                placed = _placed(view, placed.exchange_of) or placed
            answer = ShipToAnswer(as_of=view.as_of_log(), order_id=order_id, state="none")
            if placed.ship_to is None or placed.customer is None:
                return answer
            place = ask.principal.tenant, placed.customer, placed.order_id
            found = reads.opening.ship_to(view.connection, place, placed.ship_to)
            state: Literal["known", "forgotten"] = "forgotten" if found is None else "known"
            return answer.model_copy(update={"state": state, "ship_to": found})

    return router


def _placed(view: View, order_id: str) -> OrderPlaced | None:
    where = view.ask.ledger, order_stream(order_id)
    row = view.connection.execute(PLACED, where).fetchone()
    placed = None if row is None else decode(row[0], bytes(row[1]))
    return placed if isinstance(placed, OrderPlaced) else None
