"""What the pipelines share: the collections they read, the span they look at, and a few expressions.

Source: DESIGN.md, section 5.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

Expression = Any
Pipeline = list[dict[str, Any]]

SNAPSHOTS = "snapshots"
ENTRIES = "entries"
SYSTEMS = "systems"
RATES = "rates"
RATES_BY_TYPE = "rates_by_type"
PROGRESS = "progress"

SOURCES = ("telescope", "pulse")

MINUTE = timedelta(minutes=1)
SOME_MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)
# The sender counts what is not older than this.
WINDOW = timedelta(minutes=5)
MINUTE_MS = 60_000
WINDOW_MINUTES = 5
WINDOW_MS = WINDOW_MINUTES * MINUTE_MS

# Names that stand under their own in a document; what is called otherwise is summed up as one type.
TYPE_NAME = r"^[a-z][a-z0-9_]{0,63}\z"
OTHER = "other"
# In a minute's document: those that snapshots count, and as many that only rows have.
MOST_TYPES_A_MINUTE = 1000


def floor_minute(moment: datetime) -> datetime:
    """Return the start of the minute that a moment is in."""
    return moment.replace(second=0, microsecond=0)


def floor_step(moment: datetime, step: timedelta) -> datetime:
    """Return the start of the step that a moment is in; steps are counted from midnight, UTC."""
    return moment - (moment - SOME_MIDNIGHT) % step


def check_span(start: datetime, end: datetime) -> None:
    """Make sure that two moments are a span.

    Raises:
        ValueError: one is not aware, or ``start`` is not before ``end``.
    """
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("start and end must be aware")
    if start >= end:
        raise ValueError("start must be before end")


def check_minutes(start: datetime, end: datetime) -> None:
    """Make sure that two moments are a span of full minutes.

    Raises:
        ValueError: they are not.
    """
    check_span(start, end)
    if (start, end) != (floor_minute(start), floor_minute(end)):
        raise ValueError("start and end must be at the full minute")


def minutes_between(start: Expression, end: Expression) -> Expression:
    """Return how many minutes a date is after another, as a double; None if one of them is."""
    return {"$divide": [{"$subtract": [end, start]}, MINUTE_MS]}


def minute_of(moment: Expression) -> Expression:
    """Return the start of the minute that a date is in."""
    return {"$dateTrunc": {"date": moment, "unit": "minute"}}


def counts(source: str) -> Expression:
    """Tell whether a snapshot's section counts its entries; that of a collector that failed does not.

    Nor does one that does not know the count of a type: it would pass for 0, and for growth in the next one.
    """
    types = f"${source}.entry_types"
    is_map = {"$and": [{"$eq": [{"$type": types}, "object"]}, {"$lte": [f"${source}.error", None]}]}
    are_numbers = {"$map": {"input": {"$objectToArray": types}, "in": {"$isNumber": "$$this.v"}}}
    return {"$cond": [is_map, {"$allElementsTrue": [are_numbers]}, False]}


def is_type_name(name: Expression) -> Expression:
    """Tell whether a type stands under its own name; null and missing do not."""
    return {
        "$and": [
            {"$eq": [{"$type": name}, "string"]},
            {"$ne": [name, OTHER]},
            {"$regexMatch": {"input": name, "regex": TYPE_NAME}},
        ]
    }


def percentile(sorted_values: Expression, share: float) -> Expression:
    """Return the nearest-rank percentile of an array that is sorted and not empty.

    Args:
        sorted_values: ascending numbers; ``$percentile`` is MongoDB 7's.
        share: of the values that are not larger, for example 0.95.
    """
    rank = {"$ceil": {"$multiply": [{"$size": sorted_values}, share]}}
    return {"$arrayElemAt": [sorted_values, {"$toInt": {"$subtract": [rank, 1]}}]}
