"""Everything the API says no with: RFC 9457 problems, from one table.

`code` is what machines match on. Nothing here repeats a value that was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.strict_json import pointer
from eventlog.outages import OUTAGES
from eventlog.projection import StoreUnavailableError

log = structlog.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 1
ERRORS_TOLD_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    status: int
    title: str


PROBLEMS: Mapping[str, Kind] = {
    # The request
    "malformed_json": Kind(status=400, title="The body is not JSON"),
    "invalid_token": Kind(status=400, title="The position token cannot be read"),
    "invalid_cursor": Kind(status=400, title="The cursor cannot be read"),
    "beyond_head": Kind(status=400, title="The ledger has not come to this position"),
    "key_missing": Kind(status=400, title="A command needs a key"),
    "key_mismatch": Kind(status=400, title="Header and body name different keys"),
    "invalid_header": Kind(status=400, title="A header cannot be read"),
    "unauthenticated": Kind(status=401, title="An API key is needed"),
    "webhook_unverified": Kind(status=401, title="The webhook is not signed as agreed"),
    "forbidden": Kind(status=403, title="The API key may not do this"),
    "not_found": Kind(status=404, title="There is no such address"),
    "unknown_command": Kind(status=404, title="There is no such command"),
    "unknown_answer": Kind(status=404, title="No command has used this key"),
    "unknown_document": Kind(status=404, title="There is no such document"),
    "method_not_allowed": Kind(status=405, title="The address does not take this method"),
    "not_acceptable": Kind(status=406, title="Only JSON can be answered"),
    "too_slow": Kind(status=408, title="The body took too long to arrive"),
    "too_large": Kind(status=413, title="The body is too large"),
    "unsupported_media_type": Kind(status=415, title="Only JSON is taken"),
    "invalid": Kind(status=422, title="Some fields are wrong"),
    "too_many_waiting": Kind(status=429, title="Too many commands of yours are waiting"),
    # A command's answer
    "unknown_item": Kind(status=404, title="The item is not registered"),
    "unknown_location": Kind(status=404, title="The location is not registered"),
    "unknown_ledger": Kind(status=404, title="There is no such ledger"),
    "unknown_order": Kind(status=404, title="There is no such order"),
    "unknown_order_line": Kind(status=404, title="The order has no such line"),
    "unknown_reservation": Kind(status=404, title="There is no such reservation"),
    "item_exists": Kind(status=409, title="The item is registered already"),
    "item_discontinued": Kind(status=409, title="The item is discontinued"),
    "location_exists": Kind(status=409, title="The location is registered already"),
    "insufficient_stock": Kind(status=409, title="Not enough is available"),
    "count_exists": Kind(status=409, title="The count is recorded already"),
    "reservation_exists": Kind(status=409, title="The reservation exists already"),
    "reservation_closed": Kind(status=409, title="The reservation has ended"),
    "reservation_not_due": Kind(status=409, title="The reservation has not expired yet"),
    "reservation_expiry_past": Kind(status=409, title="The reservation would never hold"),
    "exceeds_reserved": Kind(status=409, title="The reservation holds less"),
    "unknown_cart": Kind(status=404, title="There is no such cart"),
    "cart_exists": Kind(status=409, title="The cart exists already"),
    "cart_closed": Kind(status=409, title="The cart has ended"),
    "part_of_cart": Kind(status=409, title="The reservation is part of a cart"),
    "not_extended": Kind(status=409, title="The reservation holds as long already"),
    "reservation_too_long": Kind(status=409, title="The policy lets no reservation hold so long"),
    "quota_exceeded": Kind(status=409, title="More would be reserved than the policy lets"),
    "policy_unchanged": Kind(status=409, title="The policy says this already"),
    "quota_not_waiting": Kind(status=409, title="No quota waits for its opening figure"),
    "order_exists": Kind(status=409, title="The order was placed already"),
    "order_state": Kind(status=409, title="The order's state does not allow this"),
    "duplicate_line": Kind(status=409, title="A line of the order is named twice"),
    "exceeds_committed": Kind(status=409, title="Less of the order is left to ship"),
    "nothing_to_ship": Kind(status=409, title="Nothing is left to ship"),
    "not_sourceable": Kind(status=409, title="The locations cannot send it"),
    "order_too_long": Kind(status=422, title="The order has too many lines with its kits' parts"),
    "nothing_to_allocate": Kind(status=409, title="Nothing that waits can be allocated"),
    "payment_missing": Kind(status=409, title="The order waits for payment"),
    "payment_not_awaited": Kind(status=409, title="The order waits for no payment"),
    "unknown_pick_list": Kind(status=404, title="The order has no such pick list"),
    "pick_list_exists": Kind(status=409, title="The pick list exists already"),
    "pick_list_closed": Kind(status=409, title="The pick list is done"),
    "nothing_to_pick": Kind(status=409, title="Nothing is left to pick or pack there"),
    "exceeds_listed": Kind(status=409, title="Less is there to pick or pack"),
    "parcel_exists": Kind(status=409, title="The parcel exists already"),
    "unknown_parcel": Kind(status=404, title="The order has no such packed parcel"),
    "shipment_exists": Kind(status=409, title="The shipment exists already"),
    "unknown_shipment": Kind(status=404, title="The order has no such shipment"),
    "shipment_closed": Kind(status=409, title="The shipment is over"),
    "return_exists": Kind(status=409, title="The return exists already"),
    "unknown_return": Kind(status=404, title="The order has no such return"),
    "exceeds_returnable": Kind(status=409, title="Less can come back"),
    "charge_exists": Kind(status=409, title="The charge is recorded already"),
    "tracking_fixed": Kind(status=409, title="How an item is tracked stays as it is"),
    "lots_not_taken": Kind(status=409, title="The item is not tracked so"),
    "lots_missing": Kind(status=409, title="The item is tracked: its lots or serials are needed"),
    "lot_named_twice": Kind(status=409, title="A lot or serial is named twice"),
    "lots_do_not_add_up": Kind(status=409, title="Lots and quantity differ"),
    "lot_short": Kind(status=409, title="Less of the lot may be taken"),
    "lots_short": Kind(status=409, title="Too few units are neither expired nor held"),
    "lot_expiry_differs": Kind(status=409, title="The lot expires on another day"),
    "unknown_lot": Kind(status=404, title="There is no such lot"),
    "lot_expiry_unchanged": Kind(status=409, title="The lot expires on that day already"),
    "lot_exists": Kind(status=409, title="The lot is registered already"),
    "lot_not_expired": Kind(status=409, title="The lot has not expired"),
    "lot_recalled": Kind(status=409, title="The lot is recalled already"),
    "recall_not_open": Kind(status=409, title="There is no such open recall"),
    "unknown_hold": Kind(status=404, title="There is no such hold"),
    "hold_exists": Kind(status=409, title="The hold exists already"),
    "exceeds_hold": Kind(status=409, title="The hold keeps less"),
    "hold_of_its_lot": Kind(status=409, title="The hold ends with its lot's recall or expiry"),
    "nothing_to_hold": Kind(status=409, title="Nothing of the lot is left to hold"),
    "serial_in_place": Kind(status=409, title="The serial is in another place"),
    "unknown_unit": Kind(status=404, title="The item has no such unit"),
    "not_whole_units": Kind(status=409, title="It is no whole number of units"),
    "too_many_units": Kind(status=409, title="It is too much for one command"),
    "unit_is_own": Kind(status=409, title="The item has a unit of this name"),
    "not_a_kit": Kind(status=409, title="The item is no kit"),
    "part_repeated": Kind(status=409, title="A part is named twice"),
    "kit_in_itself": Kind(status=409, title="The kit would be a part of itself"),
    "kit_too_deep": Kind(status=409, title="Too many kits in kits"),
    "assembly_exists": Kind(status=409, title="The assembly is recorded already"),
    "unknown_count": Kind(status=404, title="There is no such count"),
    "count_plan_exists": Kind(status=409, title="The count was planned already"),
    "count_state": Kind(status=409, title="The count's state does not allow this"),
    "count_lines_wrong": Kind(status=422, title="Some lines of the count are wrong"),
    "count_line_invalid": Kind(status=422, title="A line of the count cannot be read"),
    "count_line_repeated": Kind(status=409, title="A line number of the count is taken"),
    "counted_already": Kind(status=409, title="The SKU was entered already"),
    "not_in_count": Kind(status=409, title="The count's plan leaves the SKU out"),
    "not_counted": Kind(status=409, title="The SKU was not entered yet"),
    "recount_open": Kind(status=409, title="Some are to be counted again"),
    "count_incomplete": Kind(status=409, title="Not all that was planned was entered"),
    "count_in_parts": Kind(status=422, title="The count takes more than one append"),
    "unknown_reason_code": Kind(status=409, title="The policy does not allow the reason code"),
    "approval_needed": Kind(status=409, title="The policy asks for an approver"),
    "approver_is_actor": Kind(status=409, title="Somebody else has to approve"),
    "unknown_purchase": Kind(status=404, title="There is no such purchase"),
    "unknown_purchase_line": Kind(status=404, title="The purchase has no such line"),
    "purchase_exists": Kind(status=409, title="The purchase was placed already"),
    "purchase_state": Kind(status=409, title="The purchase's state does not allow this"),
    "purchase_line_repeated": Kind(status=409, title="A line of the purchase is named twice"),
    "purchase_receipt_exists": Kind(status=409, title="The delivery is recorded already"),
    "less_than_settled": Kind(status=409, title="More of the purchase has come"),
    "unknown_transfer": Kind(status=404, title="There is no such transfer"),
    "unknown_transfer_line": Kind(status=404, title="The transfer has no such line"),
    "transfer_exists": Kind(status=409, title="The transfer was placed already"),
    "transfer_state": Kind(status=409, title="The transfer's state does not allow this"),
    "transfer_line_repeated": Kind(status=409, title="A line of the transfer is named twice"),
    "transfer_receipt_exists": Kind(status=409, title="The arrival is recorded already"),
    "exceeds_transfer": Kind(status=409, title="The transfer is of less"),
    "lot_not_sent": Kind(status=409, title="The lot is not in transit"),
    "too_few_to_move": Kind(status=409, title="Fewer can be sent"),
    "same_location": Kind(status=409, title="Origin and destination are one place"),
    "version_mismatch": Kind(status=412, title="It was changed meanwhile"),
    "key_conflict": Kind(status=422, title="The key belongs to another command"),
    "atomic_over_ledgers": Kind(status=422, title="All or nothing holds inside one ledger"),
    "atomic_too_large": Kind(status=422, title="Too much for all or nothing"),
    "too_much_history": Kind(status=422, title="Dated too far back to be decided at once"),
    "atomic_refused": Kind(status=422, title="Nothing of this bulk was written"),
    "not_applied": Kind(status=424, title="Another line of the bulk failed"),
    "unknown_crossing": Kind(status=404, title="There is no such crossing"),
    "crossing_exists": Kind(status=409, title="The crossing is known here already"),
    "crossing_state": Kind(status=409, title="The crossing's state does not allow this"),
    "same_ledger": Kind(status=409, title="The units are in this ledger already"),
    "payment_report_exists": Kind(status=409, title="The report is recorded already"),
    "payment_differs": Kind(status=409, title="The payment has another currency or order"),
    "payment_state": Kind(status=409, title="The payment's state does not allow this"),
    "capture_exceeds_authorised": Kind(status=409, title="Less is authorised"),
    "refund_exceeds_captured": Kind(status=409, title="Less was captured"),
    "payment_not_due": Kind(status=409, title="The payment may still come"),
    # A replay's steps
    "unknown_replay": Kind(status=404, title="There is no such replay"),
    "no_difference": Kind(status=404, title="The replay's versions were not compared yet"),
    "no_receipt": Kind(status=404, title="The replay was never promoted"),
    "replay_state": Kind(status=409, title="The replay's state does not allow this step"),
    "replay_busy": Kind(status=409, title="A step of the replay is under way"),
    "replay_overlapping": Kind(status=409, title="A replay of this read model is open"),
    "not_promotable": Kind(status=409, title="The replay may not be promoted"),
    "code_changed": Kind(status=409, title="The code is not that which was planned"),
    "nothing_to_replay": Kind(status=409, title="A replay would change nothing"),
    # Faults
    "internal": Kind(status=500, title="A fault of ours"),
    "busy": Kind(status=503, title="The ledger is busy"),
    "outcome_unknown": Kind(status=503, title="The outcome is not known yet"),
    "personal_key": Kind(status=503, title="The key of personal data is not here"),
    "unavailable": Kind(status=503, title="A part is down"),
    "overloaded": Kind(status=503, title="Too much is waiting"),
    "behind": Kind(status=504, title="The read model did not get there in time"),
}
BY_STATUS: Mapping[int, str] = {
    400: "invalid_header",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """`pointer` is a JSON pointer into the body, or `query/…`, `path/…`, `header/…`."""

    pointer: str
    detail: str


class Problem(Exception):
    """Raised anywhere below a route, told to the client. `members` go into it beside the rest."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        members: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.errors = errors
        self.members = members or {}
        self.headers = headers or {}

    @property
    def status(self) -> int:
        return PROBLEMS[self.code].status


def invalid(detail: str, *errors: FieldError) -> Problem:
    """Fields or parameters that are wrong: 422."""
    return Problem("invalid", detail, errors=errors)


def status_of(code: str | None) -> int:
    """The HTTP status of a refusal's code; 200 for None."""
    return 200 if code is None else PROBLEMS[code].status


def problem_members(problem: Problem) -> dict[str, object]:
    """The problem as a JSON object."""
    kind = PROBLEMS[problem.code]
    told: dict[str, object] = {
        "type": f"/problems/{problem.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "code": problem.code,
    }
    if problem.errors:
        errors = problem.errors[:ERRORS_TOLD_MAX]
        told["errors"] = [{"pointer": each.pointer, "detail": each.detail} for each in errors]
    return told | dict(problem.members)


def problem_response(problem: Problem, extra_members: bytes = b"") -> Response:
    """The problem as an answer, with the headers that its status calls for.

    `extra_members` are spliced in as they are: `"results":[…]`.
    """
    headers = dict(problem.headers)
    if problem.status in {429, 503, 504}:
        headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="backstock"'
    body = orjson.dumps(problem_members(problem))
    if extra_members:
        body = body[:-1] + b"," + extra_members + b"}"
    return Response(body, problem.status, headers, media_type=PROBLEM_JSON)


def add_problem_handlers(app: FastAPI) -> None:
    """Let every error of the app leave as a problem; what happened inside stays inside."""
    app.add_exception_handler(Problem, _told)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _wrong_parameters)
    for outage in OUTAGES:
        app.add_exception_handler(outage, _outage)
    app.add_exception_handler(Exception, _fault)


def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error)


def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = BY_STATUS.get(error.status_code, "internal")
    detail = {
        "not_found": "See /docs for the addresses there are.",
        "method_not_allowed": f"It takes {(error.headers or {}).get('Allow', 'others')}.",
    }.get(code, PROBLEMS[code].title + ".")
    return problem_response(Problem(code, detail, headers=error.headers))


def _wrong_parameters(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        FieldError(pointer=_parameter(each["loc"]), detail=str(each["msg"]))
        for each in error.errors()
    ]
    return problem_response(invalid("Some parameters are wrong.", *errors))


def _parameter(loc: tuple[int | str, ...]) -> str:
    place, *path = loc
    return pointer(tuple(path)) if place == "body" else "/".join(map(str, loc))


def _outage(_: Request, error: Exception) -> Response:
    part = error.store if isinstance(error, StoreUnavailableError) else "PostgreSQL"
    log.warning("part_unavailable", part=part, error=str(error))
    return problem_response(Problem("unavailable", f"{part} cannot be reached; come again."))


def _fault(_: Request, __: Exception) -> Response:
    # What happened is for the log (the server writes the trace), never for the client.
    detail = "It is logged. A command's key, sent again, tells what became of it."
    return problem_response(Problem("internal", detail))
