"""How well the systems report."""

from datetime import datetime

from receiver.pipelines.cookbook.selecting import MOST_ROWS, select_snapshots
from receiver.pipelines.stages import SNAPSHOTS, SOURCES, WINDOW_MINUTES, Pipeline, check_span, minutes_between


def reporting_gaps(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build where more than five minutes lie between one snapshot and the next: what a window cannot reach.

    Args:
        system: as stored in ``snapshots.system``.
        start, end: of the snapshot that ended the gap; UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"from": datetime, "to": datetime, "minutes": float}``, oldest first; the first may have begun
        long before ``start``.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: snapshots, from the index on system and timestamp alone.
    """
    select = select_snapshots(system, start, end)
    from_the_index = {"$project": {"_id": 0, "timestamp": 1}}
    last_before = [
        {"$match": {"system": system, "timestamp": {"$lt": start}}},
        {"$sort": {"timestamp": -1}},
        {"$limit": 1},
        from_the_index,
    ]
    with_last_before = {"$unionWith": {"coll": SNAPSHOTS, "pipeline": last_before}}
    previous = {"$shift": {"output": "$timestamp", "by": -1}}
    with_previous = {"$setWindowFields": {"sortBy": {"timestamp": 1}, "output": {"from": previous}}}
    minutes = minutes_between("$from", "$timestamp")
    shape = {"$project": {"from": 1, "to": "$timestamp", "minutes": minutes}}
    long = {"$match": {"minutes": {"$gt": WINDOW_MINUTES}}}
    oldest_first = {"$sort": {"from": 1}}
    return [select, from_the_index, with_last_before, with_previous, shape, long, oldest_first]


def sampling_systems(start: datetime, end: datetime) -> Pipeline:
    """Build of which share of its minutes each system told everything, and of which it sent a sample.

    Args:
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"system", "source", "minutes": int, "complete_share": float}``, the least complete first; of
        the minutes of which the source tells. The share is between 0 and 1.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: rates, by the index on minute.
    """
    check_span(start, end)
    select = {"$match": {"minute": {"$gte": start, "$lt": end}}}
    sections = [{"source": source, "complete": f"${source}.complete"} for source in SOURCES]
    split = {"$project": {"_id": 0, "system": 1, "section": sections}}
    each = {"$unwind": "$section"}
    told = {"$match": {"section.complete": {"$type": "bool"}}}
    by_source = {
        "$group": {
            "_id": {"system": "$system", "source": "$section.source"},
            "minutes": {"$sum": 1},
            "complete_share": {"$avg": {"$cond": ["$section.complete", 1, 0]}},
        }
    }
    names = {"system": "$_id.system", "source": "$_id.source"}
    shape = {"$project": {"_id": 0, **names, "minutes": 1, "complete_share": 1}}
    least_complete_first = {"$sort": {"complete_share": 1, "system": 1, "source": 1}}
    return [select, split, each, told, by_source, shape, least_complete_first]


def heaviest_snapshots(start: datetime, end: datetime) -> Pipeline:
    """Build the snapshots with the largest bodies, and what was left out of them.

    Args:
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"snapshot_id", "system", "timestamp": datetime, "bytes": int, "trimmed": [{"path", "bytes",
        "reason"}]}``, heaviest first; ``bytes`` is the size of the body as it was sent, inflated.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: snapshots, by the index on timestamp.
    """
    check_span(start, end)
    select = {"$match": {"timestamp": {"$gte": start, "$lt": end}}}
    told = {"bytes": "$receipt.bytes", "trimmed": "$receipt.trimmed"}
    shape = {"$project": {"_id": 0, "snapshot_id": "$_id", "system": 1, "timestamp": 1, **told}}
    heaviest_first = {"$sort": {"bytes": -1, "snapshot_id": 1}}
    return [select, shape, heaviest_first, {"$limit": MOST_ROWS}]


def secret_places(start: datetime, end: datetime) -> Pipeline:
    """Build where senders left secrets that had to be redacted.

    Args:
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"system", "path", "snapshots": int, "most_in_one": int, "last_seen": datetime}``, the most
        snapshots first; ``path`` has no indexes.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: snapshots, by the index on timestamp.
    """
    check_span(start, end)
    select = {"$match": {"timestamp": {"$gte": start, "$lt": end}}}
    places = {"$project": {"_id": 0, "system": 1, "timestamp": 1, "place": "$receipt.redacted"}}
    each = {"$unwind": "$place"}
    by_place = {
        "$group": {
            "_id": {"system": "$system", "path": "$place.path"},
            "snapshots": {"$sum": 1},
            "most_in_one": {"$max": "$place.count"},
            "last_seen": {"$max": "$timestamp"},
        }
    }
    names = {"system": "$_id.system", "path": "$_id.path"}
    shape = {"$project": {"_id": 0, **names, "snapshots": 1, "most_in_one": 1, "last_seen": 1}}
    most_first = {"$sort": {"snapshots": -1, "system": 1, "path": 1}}
    return [select, places, each, by_place, shape, most_first]
