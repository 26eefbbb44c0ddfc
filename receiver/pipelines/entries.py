"""What the rows of ``entries`` tell of each minute: how many there were, and how long requests took.

Source: DESIGN.md, section 5.
"""

from datetime import datetime

from receiver.pipelines.stages import SOURCES, Pipeline, check_span, minute_of, percentile


def counted(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the number of distinct entries of each minute.

    Args:
        system: as stored in ``entries.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"minute": datetime, "source", "type", "counted": int}``; ``type`` as stored, so it may be
        None. Exact where the minute is complete (``completeness`` tells); else a part.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, from the index on system, source, type and time alone.
    """
    check_span(start, end)
    span = {"$gte": start, "$lt": end}
    select = {"$match": {"system": system, "source": {"$in": list(SOURCES)}, "created_at": span}}
    by_minute = {
        "$group": {
            "_id": {"minute": minute_of("$created_at"), "source": "$source", "type": "$type"},
            "counted": {"$sum": 1},
        }
    }
    shape = {"$replaceWith": {"$mergeObjects": ["$_id", {"counted": "$counted"}]}}
    return [select, by_minute, shape]


def response_times(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the response times of each minute, over the distinct requests that were sampled.

    Args:
        system: as stored in ``entries.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"minute": datetime, "response_time_ms": {"count": int, "avg", "p95", "max"}}``, in ms. Pulse
        tells of slow requests only, so they raise ``max`` and nothing else; a minute with only those has count 0.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, by the index on system, source, type and time.
    """
    check_span(start, end)
    select = {
        "$match": {
            "system": system,
            "source": {"$in": list(SOURCES)},
            "type": {"$in": ["request", "slow_request"]},
            "created_at": {"$gte": start, "$lt": end},
            "duration_ms": {"$gte": 0},
        }
    }
    is_sampled = {"$eq": ["$source", "telescope"]}
    by_minute = {
        "$group": {
            "_id": minute_of("$created_at"),
            "sampled": {"$push": {"$cond": [is_sampled, "$duration_ms", "$$REMOVE"]}},
            "max": {"$max": "$duration_ms"},
        }
    }
    in_order = {"$set": {"sampled": {"$sortArray": {"input": "$sampled", "sortBy": 1}}}}
    figures = {
        "count": {"$size": "$sampled"},
        "avg": {"$avg": "$sampled"},
        "p95": {"$cond": [{"$eq": ["$sampled", []]}, None, percentile("$sampled", 0.95)]},
        "max": "$max",
    }
    shape = {"$project": {"_id": 0, "minute": "$_id", "response_time_ms": figures}}
    return [select, by_minute, in_order, shape]
