"""What snapshots tell: the five-minute counts, as they are, averaged, and grown since the snapshot before.

Source: DESIGN.md, section 5.
"""

from datetime import datetime

from receiver.pipelines.stages import (
    MINUTE_MS,
    OTHER,
    SOURCES,
    WINDOW,
    WINDOW_MINUTES,
    WINDOW_MS,
    Expression,
    Pipeline,
    check_minutes,
    check_span,
    counts,
    is_type_name,
    minute_of,
    minutes_between,
)

# Of two snapshots of the same moment neither is the other's predecessor.
BEFORE = {"range": [-WINDOW_MS, -1], "unit": "millisecond"}


def windows(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the five-minute counts of each snapshot, and what they prove.

    Args:
        system: as stored in ``snapshots.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding, for each snapshot, source and type, oldest first, ``{"timestamp", "source", "type",
        "window": int, "average": float, "growth": float | None}``. ``window`` is the sender's count of five
        minutes; ``average`` and ``growth`` are per minute. Without a snapshot in the five minutes before, growth is
        None.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: snapshots, by the index on system and timestamp, five minutes more before.
    """
    check_span(start, end)
    in_span = {"$match": {"timestamp": {"$gte": start}}}
    average = {"$divide": ["$window", WINDOW_MINUTES]}
    told = {"timestamp": 1, "source": 1, "type": 1, "window": 1, "average": average, "growth": 1}
    shape = {"$project": {"_id": 0, **told}}
    oldest_first = {"$sort": {"timestamp": 1, "source": 1, "type": 1}}
    return [*_sections(system, start - WINDOW, end), *_with_growth(), in_span, shape, oldest_first]


def minute_windows(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the five-minute counts that speak for each minute: the largest of the snapshots taken in it.

    Where none was taken, those of the next snapshot whose window covers the minute; they have no growth.

    Args:
        system: as stored in ``snapshots.system``.
        start, end: UTC, aware, at the full minute; start included, end excluded.

    Returns:
        Stages yielding ``{"minute": datetime, "source", "type", "window": int, "growth": float | None}``.

    Raises:
        ValueError: ``start`` is not before ``end``, or one is not at the full minute.

    Reads: snapshots, by the index on system and timestamp, five minutes more on both sides.
    """
    check_minutes(start, end)
    with_taken = {"$set": {"taken_in": minute_of("$timestamp")}}
    with_minutes = {"$set": {"minute": _speaks_for()}}
    each_minute = {"$unwind": "$minute"}
    in_span = {"$match": {"minute": {"$gte": start, "$lt": end}}}
    by_minute = {
        "$group": {
            "_id": {"minute": "$minute", "source": "$source", "type": "$type"},
            "window": {"$max": "$window"},
            "growth": {"$max": {"$cond": [{"$eq": ["$minute", "$taken_in"]}, "$growth", None]}},
        }
    }
    shape = {"$replaceWith": {"$mergeObjects": ["$_id", {"window": "$window", "growth": "$growth"}]}}
    told = _sections(system, start - WINDOW, end + WINDOW)
    return [*told, *_with_growth(), with_taken, with_minutes, each_minute, in_span, by_minute, shape]


def _sections(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build one document a snapshot and section that counts, with its ``types`` as ``[{"k", "v"}]``.

    ``previous_at`` is of the nearest earlier snapshot, at most five minutes before, whose section counts too.
    """
    select = {"$match": {"system": system, "timestamp": {"$gte": start, "$lt": end}}}
    counting = [{"source": source, "types": {"$cond": [counts(source), _types(source), None]}} for source in SOURCES]
    split = {"$project": {"_id": 0, "timestamp": 1, "section": counting}}
    each_section = {"$unwind": "$section"}
    flatten = {"$project": {"timestamp": 1, "source": "$section.source", "types": "$section.types"}}
    known = {"$match": {"types": {"$ne": None}}}
    with_previous = {
        "$setWindowFields": {
            "partitionBy": "$source",
            "sortBy": {"timestamp": 1},
            "output": {"previous_at": {"$max": "$timestamp", "window": BEFORE}},
        }
    }
    return [select, split, each_section, flatten, known, with_previous]


def _types(source: str) -> Expression:
    """List the types that have a name, and the sum of the others as one more, where there are any."""
    named = {"$filter": {"input": "$$all", "cond": is_type_name("$$this.k")}}
    rest = {"$subtract": [{"$sum": "$$all.v"}, {"$sum": "$$named.v"}]}
    others = {"$cond": [{"$gt": ["$$rest", 0]}, [{"k": OTHER, "v": "$$rest"}], []]}
    listed = {"$let": {"vars": {"rest": rest}, "in": {"$concatArrays": ["$$named", others]}}}
    of_all = {"$let": {"vars": {"named": named}, "in": listed}}
    return {"$let": {"vars": {"all": {"$objectToArray": f"${source}.entry_types"}}, "in": of_all}}


def _with_growth() -> Pipeline:
    """Build one document a section and type, with its ``window`` and ``growth``.

    A type that the snapshot before did not have was not there: its window was 0.
    """
    each_type = {"$unwind": "$types"}
    flatten = {"$set": {"type": "$types.k", "window": "$types.v"}}
    with_prior = {
        "$setWindowFields": {
            "partitionBy": {"source": "$source", "type": "$type"},
            "sortBy": {"timestamp": 1},
            # The latest, and of several of that moment the largest.
            "output": {"prior": {"$max": {"at": "$timestamp", "window": "$window"}, "window": BEFORE}},
        }
    }
    prior = {"$cond": [{"$eq": ["$prior.at", "$previous_at"]}, "$prior.window", 0]}
    new = {"$max": [0, {"$subtract": ["$window", prior]}]}
    minutes = {"$max": [1, minutes_between("$previous_at", "$timestamp")]}
    growth = {"$cond": [{"$gt": ["$previous_at", None]}, {"$divide": [new, minutes]}, None]}
    return [each_type, flatten, with_prior, {"$set": {"growth": growth}}]


def _speaks_for() -> Expression:
    """List the minutes whose figures a section gives: its own, and those before it in which none was taken."""
    oldest = {"$subtract": ["$timestamp", WINDOW_MS]}
    after_previous = {"$ifNull": [{"$add": ["$previous_at", 1]}, oldest]}
    first = {"$ceil": minutes_between("$taken_in", {"$max": [after_previous, oldest]})}
    steps = {"$range": [{"$min": [0, first]}, 1]}
    return {"$map": {"input": steps, "in": {"$add": ["$taken_in", {"$multiply": ["$$this", MINUTE_MS]}]}}}
