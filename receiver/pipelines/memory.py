"""The memory of the PHP process that took the snapshots.

Source: DESIGN.md, section 5.
"""

from datetime import datetime

from receiver.pipelines.stages import Pipeline, check_span, minute_of


def memory(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build how many snapshots were taken in each minute, and the memory they tell of.

    Args:
        system: as stored in ``snapshots.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"minute": datetime, "snapshots": int, "memory_bytes": {"last", "max", "peak"}}``, in bytes,
        None where it was not sent; ``last`` is of the latest snapshot that says it, ``peak`` the largest peak.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: snapshots, by the index on system and timestamp.
    """
    check_span(start, end)
    select = {"$match": {"system": system, "timestamp": {"$gte": start, "$lt": end}}}
    usage = "$server_info.memory_usage"
    by_minute = {
        "$group": {
            "_id": minute_of("$timestamp"),
            "snapshots": {"$sum": 1},
            "last": {"$max": {"$cond": [{"$gt": [usage, None]}, {"at": "$timestamp", "bytes": usage}, None]}},
            "max": {"$max": usage},
            "peak": {"$max": "$server_info.peak_memory"},
        }
    }
    figures = {"last": {"$ifNull": ["$last.bytes", None]}, "max": "$max", "peak": "$peak"}
    shape = {"$project": {"_id": 0, "minute": "$_id", "snapshots": 1, "memory_bytes": figures}}
    return [select, by_minute, shape]
