"""Every kind of document there is. To add one: a module beside this one, and its line here.

What else knows kinds: `api.read_routes.documents` (its routes) and `replay.verify.documents` (the
independent fold that each is held against).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventlog.upcasters import stored_names
from projections.documents.assemblies import ASSEMBLIES
from projections.documents.carts import CARTS
from projections.documents.counts import COUNTS
from projections.documents.crossings import CROSSINGS
from projections.documents.items import ITEMS
from projections.documents.kind import Kind
from projections.documents.locations import LOCATIONS
from projections.documents.lots import LOTS
from projections.documents.payments import PAYMENTS
from projections.documents.policies import POLICIES
from projections.documents.purchases import PURCHASES
from projections.documents.serials import SERIALS
from projections.documents.stocks import STOCKS
from projections.documents.transfers import TRANSFERS

_KINDS: tuple[Kind[Any], ...] = (
    STOCKS,
    ITEMS,
    LOCATIONS,
    LOTS,
    SERIALS,
    CARTS,
    CROSSINGS,
    PAYMENTS,
    POLICIES,
    ASSEMBLIES,
    COUNTS,
    PURCHASES,
    TRANSFERS,
)
KINDS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in _KINDS}
KIND_OF: Mapping[str, Kind[Any]] = {
    stored: kind for kind in KINDS.values() for stored in stored_names(kind.types)
}
"""By stored type."""
DOCUMENT_STORED = frozenset(KIND_OF)
