"""What is slow."""

from datetime import datetime

from receiver.pipelines.stages import Pipeline, check_span, percentile

MOST_ROWS = 20


def slowest_endpoints(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the endpoints with the highest 95th percentile of response time, over the sampled requests.

    Args:
        system: as stored in ``entries.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"method", "endpoint", "requests": int, "avg_ms", "p95_ms", "max_ms"}``, slowest first; an
        endpoint is the controller's action, or the path where that is not known.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, by the index on system, source, type and time.
    """
    check_span(start, end)
    select = {
        "$match": {
            "system": system,
            "source": "telescope",
            "type": "request",
            "created_at": {"$gte": start, "$lt": end},
            "duration_ms": {"$gte": 0},
        }
    }
    by_endpoint = {
        "$group": {
            "_id": {"method": "$method", "endpoint": {"$ifNull": ["$action", "$path"]}},
            "durations": {"$push": "$duration_ms"},
        }
    }
    in_order = {"$set": {"durations": {"$sortArray": {"input": "$durations", "sortBy": 1}}}}
    shape = {
        "$project": {
            "_id": 0,
            "method": "$_id.method",
            "endpoint": "$_id.endpoint",
            "requests": {"$size": "$durations"},
            "avg_ms": {"$avg": "$durations"},
            "p95_ms": percentile("$durations", 0.95),
            "max_ms": {"$last": "$durations"},
        }
    }
    slowest_first = {"$sort": {"p95_ms": -1, "endpoint": 1, "method": 1}}
    return [select, by_endpoint, in_order, shape, slowest_first, {"$limit": MOST_ROWS}]
