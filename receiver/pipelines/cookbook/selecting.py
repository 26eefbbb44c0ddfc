"""What the recipes share: how they select, how many rows they show, and what they call an endpoint."""

from datetime import datetime, timedelta
from typing import Any

from receiver.pipelines.stages import Expression, check_span

HOUR = timedelta(hours=1)
HOUR_MS = 3_600_000
MOST_ROWS = 20
# From this status on it was the server's fault.
SERVER_ERROR = 500
# What Laravel says for the action of every route that has a closure for one: its path says more.
CLOSURE = "Closure"

Stage = dict[str, Any]


def select_entries(system: str, kind: str, start: datetime, end: datetime, **facts: Any) -> Stage:
    """Select Telescope's entries of a type.

    Args:
        system: as stored in ``entries.system``.
        kind: their type.
        start, end: UTC, aware; start included, end excluded.
        facts: that they must have, besides.

    Raises:
        ValueError: ``start`` is not before ``end``.
    """
    check_span(start, end)
    span = {"$gte": start, "$lt": end}
    return {"$match": {"system": system, "source": "telescope", "type": kind, "created_at": span, **facts}}


def select_minutes(system: str, start: datetime, end: datetime, **fields: Any) -> Stage:
    """Select documents of ``rates``.

    Args:
        system: as stored in ``rates.system``.
        start, end: of the minutes; UTC, aware; start included, end excluded.
        fields: that they must have, besides.

    Raises:
        ValueError: ``start`` is not before ``end``.
    """
    check_span(start, end)
    return {"$match": {"system": system, "minute": {"$gte": start, "$lt": end}, **fields}}


def select_snapshots(system: str, start: datetime, end: datetime) -> Stage:
    """Select snapshots by when they were taken.

    Args:
        system: as stored in ``snapshots.system``.
        start, end: UTC, aware; start included, end excluded.

    Raises:
        ValueError: ``start`` is not before ``end``.
    """
    check_span(start, end)
    return {"$match": {"system": system, "timestamp": {"$gte": start, "$lt": end}}}


def endpoint_of(request: str = "") -> Expression:
    """Return what tells endpoints apart: the method, and the controller's action or else the path.

    Args:
        request: where the request's row is, if it is not the document itself.
    """
    action, path, method = (f"${request}.{name}" if request else f"${name}" for name in ("action", "path", "method"))
    is_closure = {"$eq": [{"$ifNull": [action, CLOSURE]}, CLOSURE]}
    return {"method": method, "endpoint": {"$cond": [is_closure, path, action]}}


def hour_of(moment: Expression) -> Expression:
    """Return the start of the hour that a date is in."""
    return {"$dateTrunc": {"date": moment, "unit": "hour"}}
