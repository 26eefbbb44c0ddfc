"""Who does what."""

from datetime import datetime

from receiver.pipelines.cookbook.selecting import MOST_ROWS
from receiver.pipelines.stages import SOURCES, Pipeline, check_span

# What a row has besides the facts of its entry and what says which and when it is.
BOOKKEEPING = ["_id", "system", "batch_id", "snapshot_id", "received_at", "observed_at"]


def busiest_users(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the users who are known to have made the most requests.

    Args:
        system: as stored in ``entries.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"user_id", "requests": int, "telescope": int, "pulse": int, "last_seen": datetime}``,
        busiest first. Each source sees a part of the requests: ``requests`` is the larger of the two, since some may
        be in both.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, by the index on system, source, type and time.
    """
    check_span(start, end)
    select = {
        "$match": {
            "system": system,
            "source": {"$in": list(SOURCES)},
            "type": {"$in": ["request", "user_request"]},
            "created_at": {"$gte": start, "$lt": end},
            "user_id": {"$type": "string"},
        }
    }
    of_source = {source: {"$sum": {"$cond": [{"$eq": ["$source", source]}, 1, 0]}} for source in SOURCES}
    by_user = {"$group": {"_id": "$user_id", **of_source, "last_seen": {"$max": "$created_at"}}}
    requests = {"$max": [f"${source}" for source in SOURCES]}
    shape = {
        "$project": {"_id": 0, "user_id": "$_id", "requests": requests, **dict.fromkeys(SOURCES, 1), "last_seen": 1}
    }
    busiest_first = {"$sort": {"requests": -1, "user_id": 1}}
    return [select, by_user, shape, busiest_first, {"$limit": MOST_ROWS}]


def batch_timeline(batch_id: str) -> Pipeline:
    """Build all that is known of one request, job or command.

    Args:
        batch_id: as stored in ``entries.batch_id``.

    Returns:
        Stages yielding ``{"source", "type", "created_at": datetime, …}`` with the facts of each entry, oldest first,
        those of the same second by type.

    Reads: entries, by the index on batch_id.
    """
    select = {"$match": {"batch_id": batch_id}}
    oldest_first = {"$sort": {"created_at": 1, "type": 1, "_id": 1}}
    facts = {"$unset": BOOKKEEPING}
    return [select, oldest_first, facts]
