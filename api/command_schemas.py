"""How commands and their answers look in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from api.answer_schemas import JsonSchema, Responses, problem_responses
from commands.messages import COMMAND_TYPES

REF = "#/components/schemas/{model}"
AT = "2026-03-01T09:30:00Z"
SHELF = {"sku": "CHAIR-RED", "location": "london"}
LOT = {"sku": "MILK", "lot": "L-2026-09"}
KIT = {"sku": "DINING-SET", "location": "london"}
LINE = {"line": 1, **SHELF, "quantity": 2, "unit_price_micros": 49_500_000}
PURCHASED = {
    "line": 1,
    "sku": "CHAIR-RED",
    "quantity": 40,
    "unit_price_micros": 21_000_000,
    "expected_on": "2026-03-09",
}
UNITS = {"line": 1, "quantity": 2}
SHIP_TO = {
    "name": "Ada Byron",
    "address_lines": ["12 St James's Square"],
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}
EXAMPLES: Mapping[str, Mapping[str, object]] = {
    "register_item": {"sku": "CHAIR-RED", "name": "Red chair", "category": "chairs"},
    "describe_item": {"sku": "CHAIR-RED", "safety_stock": 5},
    "discontinue_item": {"sku": "CHAIR-RED", "reason": "replaced by CHAIR-BLUE"},
    "register_location": {"location": "london", "name": "London warehouse"},
    "receive_stock": {**SHELF, "quantity": 40, "document": "PO-7"},
    "adjust_stock": {**SHELF, "delta": -2, "reason": "fell", "reason_code": "broken"},
    "count_stock": {**SHELF, "count_id": "C-2026-03", "counted": 38, "occurred_at": AT},
    "reserve_stock": {**SHELF, "reservation_id": "CART-9", "quantity": 2, "expires_at": AT},
    "release_reservation": {**SHELF, "reservation_id": "CART-9"},
    "expire_reservation": {**SHELF, "reservation_id": "CART-9"},
    "ship_stock": {**SHELF, "quantity": 2, "reservation_id": "CART-9"},
    "return_stock": {**SHELF, "quantity": 1, "to": "damaged", "order_id": "SO-1"},
    "set_handling": {"sku": "MILK", "removal": "fefo", "shelf_life_days": 21},
    "register_lot": {**LOT, "expires_on": "2026-04-30", "origin": "dairy 7"},
    "hold_stock": {**SHELF, "hold_id": "QC-4", "kind": "quality", "quantity": 3},
    "release_hold": {**SHELF, "hold_id": "QC-4", "quantity": 1, "reason": "tested"},
    "expire_lot": {**LOT, "location": "london"},
    "recall_lot": {**LOT, "recall_id": "R-2", "reason_code": "glass"},
    "end_recall": {**LOT, "recall_id": "R-2", "reason": "tested"},
    "change_lot_expiry": {**LOT, "expires_on": "2027-03-31", "reason": "tested again"},
    "place_order": {
        "order_id": "SO-1",
        "customer": "C-77",
        "currency": "GBP",
        "lines": [LINE],
        "ship_to": SHIP_TO,
    },
    "allocate_order": {"order_id": "SO-1"},
    "allocate_backorders": SHELF,
    "confirm_payment": {"order_id": "SO-1", "payment_id": "PAY-9"},
    "create_pick_list": {"order_id": "SO-1", "pick_id": "PICK-4", "location": "london"},
    "cancel_pick_list": {"order_id": "SO-1", "pick_id": "PICK-4", "reason": "printer"},
    "pick_order": {"order_id": "SO-1", "pick_id": "PICK-4", "lines": [UNITS]},
    "pack_order": {"order_id": "SO-1", "parcel_id": "BOX-1", "location": "london"},
    "ship_order": {
        "order_id": "SO-1",
        "lines": [UNITS],
        "shipment_id": "SH-1",
        "carrier": "Royal Mail",
        "tracking": "RM123456785GB",
    },
    "deliver_shipment": {"order_id": "SO-1", "shipment_id": "SH-1"},
    "cancel_shipment": {"order_id": "SO-1", "shipment_id": "SH-1", "reason": "never left"},
    "cancel_order": {"order_id": "SO-1", "reason": "changed mind"},
    "close_order": {"order_id": "SO-1", "reason": "the rest is not wanted"},
    "request_return": {"order_id": "SO-1", "return_id": "RMA-1", "lines": [UNITS]},
    "inspect_return": {
        "order_id": "SO-1",
        "return_id": "RMA-1",
        "location": "london",
        "lines": [{**UNITS, "outcome": "restock"}],
    },
    "exchange_order": {
        "order_id": "SO-1",
        "return_id": "RMA-2",
        "lines": [UNITS],
        "replacement_id": "SO-2",
        "replacement_lines": [LINE],
    },
    "record_charge": {
        "charge_id": "SO-1/postage",
        "code": "POST",
        "quantity": 1,
        "unit_price_micros": 3_950_000,
        "currency": "GBP",
        "order_id": "SO-1",
    },
    "reserve_cart": {
        "reservation_id": "CART-10",
        "lines": [{"line": 1, **SHELF, "quantity": 2}, {"line": 2, **SHELF, "quantity": 1}],
        "expires_at": AT,
    },
    "extend_cart": {"reservation_id": "CART-10", "expires_at": AT},
    "release_cart": {"reservation_id": "CART-10"},
    "expire_cart": {"reservation_id": "CART-10"},
    "extend_reservation": {**SHELF, "reservation_id": "CART-9", "expires_at": AT},
    "set_policy": {
        "reservation_quota": 500,
        "reservation_seconds_max": 3_600,
        "approval_units": 50,
        "reason_codes": ["broken", "stolen", "expired"],
        "payment_seconds": 172_800,
    },
    "record_payment": {
        "payment_id": "PAY-1",
        "order_id": "SO-1",
        "report": "authorised",
        "amount_micros": 99_000_000,
        "currency": "GBP",
        "reference": "auth_81",
    },
    "dispatch_crossing": {
        "crossing_id": "X-1",
        "to_ledger": "outlet",
        "origin": "london",
        "destination": "leeds",
        "lines": [{"line": 1, "sku": "CHAIR-RED", "quantity": 4}],
    },
    "define_unit": {"sku": "CHAIR-RED", "unit": "pallet", "numerator": 24},
    "compose_kit": {
        "sku": "DINING-SET",
        "components": [{"sku": "TABLE-OAK", "quantity": 1}, {"sku": "CHAIR-RED", "quantity": 4}],
    },
    "assemble": {**KIT, "assembly_id": "A-12", "quantity": 3},
    "disassemble": {**KIT, "assembly_id": "A-13", "quantity": 1},
    "plan_count": {"count_id": "C-7", "location": "london", "skus": ["CHAIR-RED", "TABLE-OAK"]},
    "enter_count": {
        "count_id": "C-7",
        "lines": [
            {"line": 1, "sku": "CHAIR-RED", "counted": 38},
            {"line": 2, "sku": "TABLE-OAK", "counted": 11},
        ],
    },
    "ask_recount": {"count_id": "C-7", "skus": ["TABLE-OAK"], "reason": "so few?"},
    "submit_count": {"count_id": "C-7"},
    "cancel_count": {"count_id": "C-7", "reason": "flood"},
    "write_off_stock": {**SHELF, "quantity": 2, "reason_code": "broken", "approved_by": "ann"},
    "place_purchase": {
        "purchase_id": "PO-7",
        "location": "london",
        "supplier": "chairmakers",
        "currency": "GBP",
        "lines": [PURCHASED],
    },
    "approve_purchase": {"purchase_id": "PO-7"},
    "change_purchase": {
        "purchase_id": "PO-7",
        "lines": [PURCHASED | {"quantity": 60}],
        "reason": "the spring sale",
    },
    "receive_purchase": {
        "purchase_id": "PO-7",
        "receipt_id": "DN-311",
        "lines": [{"line": 1, "accepted": 38, "rejected": 2, "reason": "broken legs"}],
    },
    "close_purchase": {"purchase_id": "PO-7", "reason": "the rest is sold out"},
    "cancel_purchase": {"purchase_id": "PO-7", "reason": "too dear"},
    "place_transfer": {
        "transfer_id": "TR-4",
        "origin": "london",
        "destination": "leeds",
        "expected_on": "2026-03-09",
        "lines": [{"line": 1, "sku": "CHAIR-RED", "quantity": 12}],
    },
    "dispatch_transfer": {"transfer_id": "TR-4", "lines": [{"line": 1, "quantity": 10}]},
    "receive_transfer": {
        "transfer_id": "TR-4",
        "receipt_id": "TR-4/van-2",
        "lines": [{"line": 1, "quantity": 9}],
    },
    "close_transfer": {"transfer_id": "TR-4", "rest": "lost", "reason": "never found"},
    "cancel_transfer": {"transfer_id": "TR-4", "reason": "not needed"},
    "move_stock": {
        "sku": "CHAIR-RED",
        "origin": "london",
        "destination": "london/A-03",
        "quantity": 12,
        "move_id": "PUT-AWAY-55",
    },
}


class Refusal(BaseModel, extra="allow"):
    """Why not, for machines (`code`) and people (`detail`); the refusal's own fields beside."""

    code: str = Field(examples=["insufficient_stock"])
    detail: str


class CommandAnswer(BaseModel):
    """What a command led to: exactly the bytes that every retry of its key gets."""

    outcome: Literal["accepted"]
    ledger: str = Field(description="The ledger's short name.")
    first_position: int | None = Field(description="Ledger position of the command's first event.")
    last_position: int | None = Field(description="Ledger position of its last event.")
    version: int = Field(description="Version of the command's stream after it; also the ETag.")
    result: dict[str, Any] = Field(description="What the command made or moved.")


class LineError(BaseModel):
    pointer: str = Field(examples=["/commands/3/lines/0/quantity"])
    detail: str


class LineResult(BaseModel):
    """One line's answer. `status` is what the command alone would have got."""

    index: int
    key: str | None
    status: int
    outcome: Literal["accepted", "refused", "key_conflict", "not_applied", "invalid", "failed"]
    replayed: bool = False
    ledger: str | None = None
    first_position: int | None = None
    last_position: int | None = None
    version: int | None = None
    result: dict[str, Any] | None = None
    refusal: Refusal | None = None
    errors: list[LineError] | None = None


class BulkAnswer(BaseModel):
    """One result per command, in the order they were sent."""

    results: list[LineResult]
    token: str | None = Field(description="For `min_position`: reads then show all of this.")
    position: int | None = Field(description="The same as a number, when one ledger was named.")


SINGLE_RESPONSES: Responses = {
    200: {
        "model": CommandAnswer,
        "description": "Accepted, now or when the key was first used.",
        "headers": {
            "ETag": {"schema": {"type": "string"}, "description": "The stream's version."},
            "Position-Token": {
                "schema": {"type": "string"},
                "description": "For `min_position`: a read then shows this command's effect.",
            },
            "Idempotent-Replayed": {
                "schema": {"type": "string", "const": "true"},
                "description": "Present when the key had its answer already.",
            },
        },
    },
    **problem_responses(400, 401, 403, 404, 406, 409, 412, 413, 415, 422, 429, 503),
}
BULK_RESPONSES: Responses = {
    200: {"model": BulkAnswer, "description": "Every command was accepted."},
    207: {"model": BulkAnswer, "description": "Not every command was accepted: see each result."},
    **problem_responses(400, 401, 403, 406, 413, 415, 422, 429, 503),
}


NAMES: Mapping[str, str] = {kind: model.__name__ for kind, model in COMMAND_TYPES.items()}
DEFINITIONS: JsonSchema = models_json_schema(
    [(model, "validation") for model in COMMAND_TYPES.values()], ref_template=REF
)[1]["$defs"]


def single_body(type_name: str) -> dict[str, Any]:
    """The request of a command's own address: its type is known, its key may be a header."""
    schema = dict(DEFINITIONS[NAMES[type_name]])
    schema["required"] = [each for each in schema["required"] if each not in {"type", "key"}]
    return _json_body(schema, EXAMPLES[type_name])


def _json_body(schema: JsonSchema, example: object) -> dict[str, Any]:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


BULK_BODY = _json_body(
    {
        "type": "object",
        "required": ["commands"],
        "additionalProperties": False,
        "properties": {
            "mode": {"enum": ["independent", "atomic"], "default": "independent"},
            "commands": {
                "type": "array",
                "minItems": 1,
                "maxItems": 10_000,
                "items": {
                    "oneOf": [{"$ref": REF.format(model=name)} for name in NAMES.values()],
                    "discriminator": {
                        "propertyName": "type",
                        "mapping": {kind: REF.format(model=name) for kind, name in NAMES.items()},
                    },
                },
            },
        },
    },
    {
        "mode": "independent",
        "commands": [
            {"type": "receive_stock", "key": "PO-7/1", **EXAMPLES["receive_stock"]},
            {"type": "place_order", "key": "SO-1", **EXAMPLES["place_order"]},
        ],
    },
)
