"""Of which minutes snapshots tell at all, and of which they tell everything.

Source: DESIGN.md, section 5.
"""

from datetime import datetime

from receiver.pipelines.stages import (
    MINUTE_MS,
    SOURCES,
    WINDOW,
    WINDOW_MINUTES,
    WINDOW_MS,
    Expression,
    Pipeline,
    check_minutes,
    counts,
    minute_of,
    minutes_between,
)


def completeness(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build, for each minute and source, whether a window covers it and whether a complete sample does.

    A sample is complete when it has as many rows as the snapshot counts. A minute is complete once such a snapshot's
    window covers it wholly: then its entries are all known.

    Args:
        system: as stored in ``snapshots.system``.
        start, end: UTC, aware, at the full minute; start included, end excluded.

    Returns:
        Stages yielding ``{"minute": datetime, "source", "covered": bool, "complete": bool, "inputs": int,
        "updated_at": datetime}``. ``inputs`` counts the snapshots that may have a say in the minute: taken in it,
        covering it, or coming before one that was taken in it. ``updated_at`` is when the last of them was received.

    Raises:
        ValueError: ``start`` is not before ``end``, or one is not at the full minute.

    Reads: snapshots, by the index on system and timestamp, five minutes more on both sides.
    """
    check_minutes(start, end)
    with_minute = {"$set": {"taken_in": minute_of("$timestamp")}}
    first = {"$max": [-WINDOW_MINUTES, minutes_between("$taken_in", start)]}
    last = {"$min": [WINDOW_MINUTES + 1, minutes_between("$taken_in", end)]}
    with_steps = {"$set": {"step": {"$range": [first, last]}}}
    each_step = {"$unwind": "$step"}
    minute = {"$add": ["$taken_in", {"$multiply": ["$step", MINUTE_MS]}]}
    is_within = {"$and": [{"$lt": ["$step", 0]}, {"$gte": [minute, {"$subtract": ["$timestamp", WINDOW_MS]}]}]}
    by_minute = {
        "$group": {
            "_id": {"minute": minute, "source": "$source"},
            "covered": {"$max": {"$and": ["$counts", {"$or": [{"$eq": ["$step", 0]}, is_within]}]}},
            "complete": {"$max": {"$and": ["$complete", is_within]}},
            "inputs": {"$sum": 1},
            "updated_at": {"$max": "$received_at"},
        }
    }
    shape = {"$replaceWith": {"$mergeObjects": ["$_id", "$$ROOT"]}}
    tidy = {"$unset": "_id"}
    return [*_samples(system, start - WINDOW, end + WINDOW), with_minute, with_steps, each_step, by_minute, shape, tidy]


def _samples(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build one document a snapshot and source: whether it counts, and whether its sample is complete."""
    select = {"$match": {"system": system, "timestamp": {"$gte": start, "$lt": end}}}
    samples = {"sample": [_sample(source) for source in SOURCES]}
    split = {"$project": {"_id": 0, "timestamp": 1, "received_at": 1, **samples}}
    each = {"$unwind": "$sample"}
    told = {"source": "$sample.source", "counts": "$sample.counts", "complete": "$sample.complete"}
    flatten = {"$project": {"timestamp": 1, "received_at": 1, **told}}
    return [select, split, each, flatten]


def _sample(source: str) -> Expression:
    number = {"$sum": {"$map": {"input": {"$objectToArray": f"${source}.entry_types"}, "in": "$$this.v"}}}
    # A row of which we cannot tell when it was is not in anybody's count.
    rows = {"$size": {"$ifNull": [f"${source}.recent_entries_data.created_at", []]}}
    is_complete = {"$cond": [counts(source), {"$lte": [number, rows]}, False]}
    return {"source": source, "counts": counts(source), "complete": is_complete}
