"""What is slow."""

from datetime import datetime

from receiver.pipelines.cookbook.selecting import MOST_ROWS, SERVER_ERROR, endpoint_of, select_entries
from receiver.pipelines.stages import Pipeline, percentile

# So often in one batch, and a query is suspected to be run once a row instead of once.
SUSPECT_TIMES = 5


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
    select = select_entries(system, "request", start, end, duration_ms={"$gte": 0})
    by_endpoint = {"$group": {"_id": endpoint_of(), "durations": {"$push": "$duration_ms"}}}
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


def costliest_queries(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the query shapes that took the most time in total, over the sampled queries.

    Args:
        system: as stored in ``entries.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"sql_hash", "times": int, "total_ms", "avg_ms", "max_ms", "sql", "file", "line"}``,
        costliest first; ``sql`` and where it was run from are those of the slowest.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, by the index on system, source, type and time.
    """
    select = select_entries(system, "query", start, end, duration_ms={"$gte": 0})
    by_shape = {
        "$group": {
            "_id": "$sql_hash",
            "times": {"$sum": 1},
            "total_ms": {"$sum": "$duration_ms"},
            "avg_ms": {"$avg": "$duration_ms"},
            "slowest": {"$max": {"ms": "$duration_ms", "sql": "$sql", "file": "$file", "line": "$line"}},
        }
    }
    sample = {name: f"$slowest.{name}" for name in ("sql", "file", "line")}
    figures = {"times": 1, "total_ms": 1, "avg_ms": 1, "max_ms": "$slowest.ms"}
    shape = {"$project": {"_id": 0, "sql_hash": "$_id", **figures, **sample}}
    costliest_first = {"$sort": {"total_ms": -1, "sql_hash": 1}}
    return [select, by_shape, shape, costliest_first, {"$limit": MOST_ROWS}]


def n_plus_one(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the query shapes that ran at least :data:`SUSPECT_TIMES` times in one batch.

    Args:
        system: as stored in ``entries.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"sql_hash", "batches": int, "most_in_one_batch": int, "queries": int, "total_ms", "sql",
        "file", "line", "batch_id"}``, most queries first; only suspect batches count, and the last four are of the
        worst.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, by the index on system, source, type and time.
    """
    select = select_entries(system, "query", start, end, batch_id={"$type": "string"}, sql_hash={"$type": "string"})
    by_batch = {
        "$group": {
            "_id": {"batch_id": "$batch_id", "sql_hash": "$sql_hash"},
            "queries": {"$sum": 1},
            "total_ms": {"$sum": "$duration_ms"},
            "sample": {"$max": {"sql": "$sql", "file": "$file", "line": "$line"}},
        }
    }
    suspect = {"$match": {"queries": {"$gte": SUSPECT_TIMES}}}
    by_shape = {
        "$group": {
            "_id": "$_id.sql_hash",
            "batches": {"$sum": 1},
            "queries": {"$sum": "$queries"},
            "total_ms": {"$sum": "$total_ms"},
            "worst": {"$max": {"queries": "$queries", "batch_id": "$_id.batch_id", "sample": "$sample"}},
        }
    }
    figures = {"batches": 1, "most_in_one_batch": "$worst.queries", "queries": 1, "total_ms": 1}
    sample = {name: f"$worst.sample.{name}" for name in ("sql", "file", "line")}
    shape = {"$project": {"_id": 0, "sql_hash": "$_id", **figures, **sample, "batch_id": "$worst.batch_id"}}
    most_first = {"$sort": {"queries": -1, "sql_hash": 1}}
    return [select, by_batch, suspect, by_shape, shape, most_first, {"$limit": MOST_ROWS}]


def slow_outgoing(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build how long other hosts take to answer the application, and how often they fail.

    Args:
        system: as stored in ``entries.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"host", "requests": int, "failures": int, "p95_ms", "max_ms"}``, slowest first; a failure
        has a status from 500 or none at all. The times are None where no request has one.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, by the index on system, source, type and time.
    """
    select = select_entries(system, "client_request", start, end)
    is_failure = {"$or": [{"$gte": ["$status", SERVER_ERROR]}, {"$lte": ["$status", None]}]}
    by_host = {
        "$group": {
            "_id": "$host",
            "requests": {"$sum": 1},
            "failures": {"$sum": {"$cond": [is_failure, 1, 0]}},
            "durations": {"$push": "$duration_ms"},
        }
    }
    in_order = {"$set": {"durations": {"$sortArray": {"input": "$durations", "sortBy": 1}}}}
    p95 = {"$cond": [{"$eq": ["$durations", []]}, None, percentile("$durations", 0.95)]}
    times = {"p95_ms": p95, "max_ms": {"$ifNull": [{"$last": "$durations"}, None]}}
    shape = {"$project": {"_id": 0, "host": "$_id", "requests": 1, "failures": 1, **times}}
    slowest_first = {"$sort": {"p95_ms": -1, "failures": -1, "host": 1}}
    return [select, by_host, in_order, shape, slowest_first, {"$limit": MOST_ROWS}]
