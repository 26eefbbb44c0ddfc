"""Reading ``rates``: as a series, and the latest of every system.

Source: DESIGN.md, sections 2 and 5.
"""

from datetime import datetime
from typing import Any

from receiver.pipelines.rates import HEADLINE, mean_of, mean_parts
from receiver.pipelines.stages import RATES, SNAPSHOTS, SOURCES, Expression, Pipeline, check_span

SILENT_MINUTES = 10
SILENT_CADENCES = 3
GAPS_OF_CADENCE = 20

# Of a document of ``rates``, all but the types.
WITHOUT_TYPES = (
    "minute",
    "snapshots",
    "headline",
    "response_time_ms",
    "memory_bytes",
    "telescope.complete",
    "pulse.complete",
)


def series(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the minutes of a system, without their types.

    Args:
        system: as stored in ``rates.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding, oldest first, the documents of ``rates`` with ``minute``, ``snapshots``, ``headline``,
        ``response_time_ms``, ``memory_bytes`` and whether the sections are ``complete``.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: rates, by the index on system and minute.
    """
    # A day is 1,440 documents: computing anything for each would take as long as reading them.
    return [*_minutes_of(system, start, end), {"$project": {"_id": 0, **dict.fromkeys(WITHOUT_TYPES, 1)}}]


def series_in_steps(system: str, start: datetime, end: datetime, step_minutes: int = 60) -> Pipeline:
    """Build the series of a system in steps: one point a step, none for a step without a document.

    Args:
        system: as stored in ``rates.system``.
        start, end: UTC, aware; start included, end excluded.
        step_minutes: that a point stands for; the points begin at multiples of it.

    Returns:
        Stages yielding, oldest first, ``{"minute": datetime, "minutes": int, "snapshots": int, "headline", "peak",
        "basis", "complete", "response_time_ms", "memory_bytes"}``: ``minutes`` is how many documents there are in the
        step, ``headline`` their mean (see ``mean_of``), ``peak`` the largest of their figures, per minute, None where
        unknown, ``basis`` what the latter rest on. ``complete`` says by source in how many of the minutes everything is
        known. Of response times ``avg`` is over all requests, ``p95`` and ``max`` are the largest of the minutes.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: rates, by the index on system and minute.
    """
    return [*_minutes_of(system, start, end), *_by_step(step_minutes), {"$sort": {"minute": 1}}]


def _minutes_of(system: str, start: datetime, end: datetime) -> Pipeline:
    check_span(start, end)
    return [{"$match": {"system": system, "minute": {"$gte": start, "$lt": end}}}, {"$sort": {"minute": 1}}]


def _by_step(minutes: int) -> Pipeline:
    times = "$response_time_ms"
    by_step = {
        "$group": {
            "_id": {"$dateTrunc": {"date": "$minute", "unit": "minute", "binSize": minutes}},
            "minutes": {"$sum": 1},
            "snapshots": {"$sum": "$snapshots"},
            **{name: part for figure in HEADLINE for name, part in mean_parts(figure).items()},
            **{f"peak_{name}": {"$max": f"$headline.{name}_per_minute"} for name in HEADLINE},
            **{f"basis_{name}": {"$addToSet": f"$headline.basis.{name}"} for name in HEADLINE},
            **{source: {"$sum": {"$cond": [f"${source}.complete", 1, 0]}} for source in SOURCES},
            "requests": {"$sum": f"{times}.count"},
            "milliseconds": {"$sum": {"$multiply": [f"{times}.avg", f"{times}.count"]}},
            "p95": {"$max": f"{times}.p95"},
            "max": {"$max": f"{times}.max"},
            "last": {"$max": _last_memory()},
            "most": {"$max": "$memory_bytes.max"},
            "peak": {"$max": "$memory_bytes.peak"},
        }
    }
    average = {"$cond": [{"$gt": ["$requests", 0]}, {"$divide": ["$milliseconds", "$requests"]}, None]}
    shape = {
        "$project": {
            "_id": 0,
            "minute": "$_id",
            "minutes": 1,
            "snapshots": 1,
            "headline": {f"{name}_per_minute": mean_of(name) for name in HEADLINE},
            "peak": {f"{name}_per_minute": f"$peak_{name}" for name in HEADLINE},
            "basis": {name: _known(f"$basis_{name}") for name in HEADLINE},
            "complete": {source: f"${source}" for source in SOURCES},
            "response_time_ms": {"count": "$requests", "avg": average, "p95": "$p95", "max": "$max"},
            "memory_bytes": {"last": {"$ifNull": ["$last.bytes", None]}, "max": "$most", "peak": "$peak"},
        }
    }
    return [by_step, shape]


def _known(names: str) -> Expression:
    return {"$sortArray": {"input": {"$setDifference": [names, [None]]}, "sortBy": 1}}


def _last_memory() -> Expression:
    known = {"$gt": ["$memory_bytes.last", None]}
    return {"$cond": [known, {"at": "$minute", "bytes": "$memory_bytes.last"}, None]}


def overview(now: datetime, after: str = "", limit: int = 200) -> Pipeline:
    """Build what there is to know of every system at a glance, by name.

    A system is silent when it has not been heard of for three times its own cadence, and at least ten minutes.

    Args:
        now: UTC, aware.
        after: only systems whose names come after this one.
        limit: most of them.

    Returns:
        Stages yielding ``{"system", "state": "reporting" | "silent", "cadence_seconds", "first_seen_at",
        "last_seen_at", "last_timestamp", "php_version", "laravel_version", "last_snapshot_id", "rates"}``.
        ``cadence_seconds`` is the median between the latest snapshots, None with fewer than two; ``rates`` the latest
        document of ``rates`` without its types, None where there is none.

    Reads: systems by ``_id``; for each, rates and snapshots by their indexes on system and time.
    """
    select = {"$match": {"_id": {"$gt": after}}}
    in_order, most = {"$sort": {"_id": 1}}, {"$limit": limit}
    with_cadence = {"$set": {"cadence_seconds": _median_gap("$latest.timestamp")}}
    patience = {"$max": [SILENT_MINUTES * 60, {"$multiply": [SILENT_CADENCES, "$cadence_seconds"]}]}
    silence = {"$divide": [{"$subtract": [now, "$last_seen_at"]}, 1000]}
    told = ("first_seen_at", "last_seen_at", "last_timestamp", "php_version", "laravel_version", "last_snapshot_id")
    shape = {
        "$project": {
            "_id": 0,
            "system": "$_id",
            "state": {"$cond": [{"$gt": [silence, patience]}, "silent", "reporting"]},
            "cadence_seconds": 1,
            **dict.fromkeys(told, 1),
            "rates": {"$ifNull": [{"$first": "$rates"}, None]},
        }
    }
    return [select, in_order, most, _with_rates(), _with_latest(), with_cadence, shape]


def _with_rates() -> dict[str, Any]:
    """Look up the latest document of ``rates``, as a list of one or none; one timestamp in 2099 is not the latest."""
    not_ahead = {"$match": {"$expr": {"$lte": ["$minute", "$$latest"]}}}
    figures = dict.fromkeys(("minute", "headline", "response_time_ms", "memory_bytes"), 1)
    of_system = {"from": RATES, "localField": "_id", "foreignField": "system", "let": {"latest": "$last_timestamp"}}
    newest = [not_ahead, {"$sort": {"minute": -1}}, {"$limit": 1}, {"$project": {"_id": 0, **figures}}]
    return {"$lookup": {**of_system, "pipeline": newest, "as": "rates"}}


def _with_latest() -> dict[str, Any]:
    """Look up when the latest snapshots were taken, newest first."""
    of_system = {"from": SNAPSHOTS, "localField": "_id", "foreignField": "system"}
    moments = {"$project": {"_id": 0, "timestamp": 1}}
    newest = [{"$sort": {"timestamp": -1}}, {"$limit": GAPS_OF_CADENCE + 1}, moments]
    return {"$lookup": {**of_system, "pipeline": newest, "as": "latest"}}


def _median_gap(moments: str) -> Expression:
    """Return the median of the seconds between moments that are in descending order; None if there is one at most."""
    later = {"$arrayElemAt": [moments, {"$subtract": ["$$this", 1]}]}
    gap = {"$divide": [{"$subtract": [later, {"$arrayElemAt": [moments, "$$this"]}]}, 1000]}
    gaps = {"$map": {"input": {"$range": [1, {"$size": moments}]}, "in": gap}}
    middle = {"$toInt": {"$floor": {"$divide": [{"$size": "$$gaps"}, 2]}}}
    median = {"$ifNull": [{"$arrayElemAt": ["$$gaps", middle]}, None]}
    return {"$let": {"vars": {"gaps": {"$sortArray": {"input": gaps, "sortBy": 1}}}, "in": median}}
