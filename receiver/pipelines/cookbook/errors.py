"""What goes wrong."""

from datetime import datetime

from receiver.pipelines.cookbook.selecting import MOST_ROWS, SERVER_ERROR, endpoint_of, select_entries
from receiver.pipelines.stages import ENTRIES, Pipeline, check_span


def top_exceptions(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the exception classes that were sampled most often in a span, and since when each is known.

    Args:
        system: as stored in ``entries.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"class", "times": int, "first_seen": datetime, "last_seen": datetime, "message"}``, most
        frequent first. ``first_seen`` is of all stored rows up to ``end``; the others are of the span, ``message`` the
        latest.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, all exceptions of the system before ``end``, by the index on system, source, type and time.
    """
    check_span(start, end)
    until_end = {"system": system, "source": "telescope", "type": "exception", "created_at": {"$lt": end}}
    by_class = {
        "$group": {
            "_id": "$class",
            "times": {"$sum": {"$cond": [{"$gte": ["$created_at", start]}, 1, 0]}},
            "first_seen": {"$min": "$created_at"},
            "latest": {"$max": {"at": "$created_at", "message": "$message"}},
        }
    }
    in_span = {"$match": {"times": {"$gt": 0}}}
    latest = {"last_seen": "$latest.at", "message": "$latest.message"}
    shape = {"$project": {"_id": 0, "class": "$_id", "times": 1, "first_seen": 1, **latest}}
    most_frequent_first = {"$sort": {"times": -1, "class": 1}}
    return [{"$match": until_end}, by_class, in_span, shape, most_frequent_first, {"$limit": MOST_ROWS}]


def failing_endpoints(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build which endpoints throw which exception classes: a request has the batch of the exceptions it threw.

    Args:
        system: as stored in ``entries.system``.
        start, end: of the exceptions; UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"method", "endpoint", "class", "times": int, "requests": int, "last_seen": datetime}``, most
        frequent first; ``requests`` counts the batches. Method and endpoint are left out where no request of the batch
        is known.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, by the index on system, source, type and time, then those of each batch by the index on it.
    """
    select = select_entries(system, "exception", start, end, batch_id={"$type": "string"})
    by_batch = {
        "$group": {
            "_id": {"batch_id": "$batch_id", "class": "$class"},
            "times": {"$sum": 1},
            "last_seen": {"$max": "$created_at"},
        }
    }
    of_batch = {"from": ENTRIES, "localField": "_id.batch_id", "foreignField": "batch_id"}
    are_requests = [{"$match": {"source": "telescope", "type": "request"}}]
    with_requests = {"$lookup": {**of_batch, "pipeline": are_requests, "as": "requests"}}
    # Two systems may share a batch if they share a copy of a database; the lookup itself keeps to the index on batches.
    own = {"$filter": {"input": "$requests", "cond": {"$eq": ["$$this.system", {"$literal": system}]}}}
    with_request = {"$set": {"request": {"$first": own}}}
    by_endpoint = {
        "$group": {
            "_id": {**endpoint_of("request"), "class": "$_id.class"},
            "times": {"$sum": "$times"},
            "requests": {"$sum": 1},
            "last_seen": {"$max": "$last_seen"},
        }
    }
    names = {name: f"$_id.{name}" for name in ("method", "endpoint", "class")}
    shape = {"$project": {"_id": 0, **names, "times": 1, "requests": 1, "last_seen": 1}}
    most_frequent_first = {"$sort": {"times": -1, "endpoint": 1, "method": 1, "class": 1}}
    most = {"$limit": MOST_ROWS}
    return [select, by_batch, with_requests, with_request, by_endpoint, shape, most_frequent_first, most]


def error_rate_by_endpoint(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the share of each endpoint's sampled requests that were answered with a status from 500.

    Args:
        system: as stored in ``entries.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"method", "endpoint", "requests": int, "errors": int, "error_share": float}``, the largest
        share first; a share is between 0 and 1.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, by the index on system, source, type and time.
    """
    select = select_entries(system, "request", start, end, status={"$gte": 0})
    is_error = {"$cond": [{"$gte": ["$status", SERVER_ERROR]}, 1, 0]}
    by_endpoint = {"$group": {"_id": endpoint_of(), "requests": {"$sum": 1}, "errors": {"$sum": is_error}}}
    share = {"$divide": ["$errors", "$requests"]}
    names = {name: f"$_id.{name}" for name in ("method", "endpoint")}
    shape = {"$project": {"_id": 0, **names, "requests": 1, "errors": 1, "error_share": share}}
    worst_first = {"$sort": {"error_share": -1, "errors": -1, "requests": -1, "endpoint": 1, "method": 1}}
    return [select, by_endpoint, shape, worst_first, {"$limit": MOST_ROWS}]


def failed_jobs(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the job classes that failed, by queue.

    Args:
        system: as stored in ``entries.system``.
        start, end: of when a job was queued; UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"job", "queue", "failed": int, "jobs": int, "last_failed_at": datetime}``, most failures
        first; ``jobs`` counts all that were sampled, whatever became of them.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, by the index on system, source, type and time.
    """
    select = select_entries(system, "job", start, end)
    has_failed = {"$eq": ["$status", "failed"]}
    by_job = {
        "$group": {
            "_id": {"job": "$name", "queue": "$queue"},
            "failed": {"$sum": {"$cond": [has_failed, 1, 0]}},
            "jobs": {"$sum": 1},
            "last_failed_at": {"$max": {"$cond": [has_failed, "$created_at", None]}},
        }
    }
    with_failures = {"$match": {"failed": {"$gt": 0}}}
    names = {"job": "$_id.job", "queue": "$_id.queue"}
    shape = {"$project": {"_id": 0, **names, "failed": 1, "jobs": 1, "last_failed_at": 1}}
    most_failures_first = {"$sort": {"failed": -1, "job": 1, "queue": 1}}
    return [select, by_job, with_failures, shape, most_failures_first, {"$limit": MOST_ROWS}]


def log_levels(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build how many sampled log lines there are of each level, and the latest of each.

    Args:
        system: as stored in ``entries.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"level", "times": int, "last_seen": datetime, "message"}``, most frequent first.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: entries, by the index on system, source, type and time.
    """
    select = select_entries(system, "log", start, end)
    latest = {"$max": {"at": "$created_at", "message": "$message"}}
    by_level = {"$group": {"_id": "$level", "times": {"$sum": 1}, "latest": latest}}
    told = {"last_seen": "$latest.at", "message": "$latest.message"}
    shape = {"$project": {"_id": 0, "level": "$_id", "times": 1, **told}}
    most_frequent_first = {"$sort": {"times": -1, "level": 1}}
    return [select, by_level, shape, most_frequent_first]
