"""How things change, from the minutes in ``rates``."""

from datetime import datetime, timedelta

from receiver.pipelines.cookbook.selecting import HOUR, HOUR_MS, hour_of, select_minutes, select_snapshots
from receiver.pipelines.rates import HEADLINE, mean_of, mean_parts
from receiver.pipelines.stages import RATES, Expression, Pipeline, check_span, minute_of

WEEK = timedelta(weeks=1)
VERSIONS = ("php", "laravel")


def cache_hit_ratio(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the share of cache reads that found something, hour by hour, as Pulse counts them.

    Args:
        system: as stored in ``rates.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"hour": datetime, "minutes": int, "hits_per_minute", "misses_per_minute", "hit_ratio"}``,
        oldest first; of the minutes of which Pulse tells. ``hit_ratio`` is between 0 and 1, None where nothing was
        read.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: rates, by the index on system and minute.
    """
    select = select_minutes(system, start, end, pulse={"$type": "object"})
    by_hour = {
        "$group": {
            "_id": hour_of("$minute"),
            "minutes": {"$sum": 1},
            "hits": {"$sum": "$pulse.types.cache_hit.average"},
            "misses": {"$sum": "$pulse.types.cache_miss.average"},
        }
    }
    reads = {"$add": ["$hits", "$misses"]}
    shape = {
        "$project": {
            "_id": 0,
            "hour": "$_id",
            "minutes": 1,
            "hits_per_minute": {"$divide": ["$hits", "$minutes"]},
            "misses_per_minute": {"$divide": ["$misses", "$minutes"]},
            "hit_ratio": {"$cond": [{"$gt": [reads, 0]}, {"$divide": ["$hits", reads]}, None]},
        }
    }
    oldest_first = {"$sort": {"hour": 1}}
    return [select, by_hour, shape, oldest_first]


def memory_trend(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the memory of the PHP process that took the snapshots, hour by hour.

    Args:
        system: as stored in ``rates.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"hour": datetime, "snapshots": int, "avg_bytes", "max_bytes", "peak_bytes"}``, oldest first,
        in bytes; None where it was not sent.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: rates, by the index on system and minute.
    """
    select = select_minutes(system, start, end, snapshots={"$gt": 0})
    by_hour = {
        "$group": {
            "_id": hour_of("$minute"),
            "snapshots": {"$sum": "$snapshots"},
            "avg_bytes": {"$avg": "$memory_bytes.last"},
            "max_bytes": {"$max": "$memory_bytes.max"},
            "peak_bytes": {"$max": "$memory_bytes.peak"},
        }
    }
    figures = dict.fromkeys(("snapshots", "avg_bytes", "max_bytes", "peak_bytes"), 1)
    shape = {"$project": {"_id": 0, "hour": "$_id", **figures}}
    oldest_first = {"$sort": {"hour": 1}}
    return [select, by_hour, shape, oldest_first]


def week_over_week(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the headline figures of a span beside those of the same span a week before.

    Args:
        system: as stored in ``rates.system``.
        start, end: UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"figure", "mean", "max", "minutes", "mean_before", "max_before", "minutes_before",
        "change"}``, one for each rate of ``headline``, by name; means and maxima per minute, over so many minutes that
        are known. ``change`` is of the mean: 0.5 is half as much again. None where nothing is known, or there is
        nothing to divide by.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: rates, by the index on system and minute.
    """
    now = _headline(system, start, end, is_now=True)
    and_before = {"$unionWith": {"coll": RATES, "pipeline": _headline(system, start - WEEK, end - WEEK, is_now=False)}}
    by_figure = {
        "$group": {
            "_id": "$figure",
            "mean": {"$max": {"$cond": ["$is_now", "$mean", None]}},
            "max": {"$max": {"$cond": ["$is_now", "$max", None]}},
            "minutes": {"$sum": {"$cond": ["$is_now", "$minutes", 0]}},
            "mean_before": {"$max": {"$cond": ["$is_now", None, "$mean"]}},
            "max_before": {"$max": {"$cond": ["$is_now", None, "$max"]}},
            "minutes_before": {"$sum": {"$cond": ["$is_now", 0, "$minutes"]}},
        }
    }
    growth = {"$divide": [{"$subtract": ["$mean", "$mean_before"]}, "$mean_before"]}
    change = {"$cond": [{"$gt": ["$mean_before", 0]}, growth, None]}
    figures = dict.fromkeys(("mean", "max", "minutes", "mean_before", "max_before", "minutes_before"), 1)
    shape = {"$project": {"_id": 0, "figure": "$_id", **figures, "change": change}}
    by_name = {"$sort": {"figure": 1}}
    return [*now, and_before, by_figure, shape, by_name]


def _headline(system: str, start: datetime, end: datetime, *, is_now: bool) -> Pipeline:
    """Build one document a headline figure, with its mean and largest value."""
    select = select_minutes(system, start, end)
    accumulators = {
        name: part
        for figure in HEADLINE
        for name, part in (
            *mean_parts(figure).items(),
            (f"max_{figure}", {"$max": f"$headline.{figure}_per_minute"}),
            (f"minutes_{figure}", {"$sum": {"$cond": [{"$gt": [f"$headline.{figure}_per_minute", None]}, 1, 0]}}),
        )
    }
    all_minutes = {"$group": {"_id": None, **accumulators}}
    figures = [
        {
            "figure": f"{figure}_per_minute",
            "mean": mean_of(figure),
            "max": f"$max_{figure}",
            "minutes": f"$minutes_{figure}",
            "is_now": {"$literal": is_now},
        }
        for figure in HEADLINE
    ]
    split = {"$project": {"figure": figures}}
    return [select, all_minutes, split, {"$unwind": "$figure"}, {"$replaceWith": "$figure"}]


def deploys(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build where the version of PHP or Laravel changed from one snapshot to the next, and what changed with it.

    Args:
        system: as stored in ``snapshots.system``.
        start, end: of the first snapshot with the new version; UTC, aware; start included, end excluded.

    Returns:
        Stages yielding ``{"at": datetime, "php": {"from", "to"}, "laravel": {"from", "to"}, "before": {…}, "after":
        {…}}``, oldest first. Before and after are of the hours around the minute of ``at``, which is after:
        ``{"exceptions_per_minute", "response_time_ms"}``, the means over minutes and over sampled requests; None where
        nothing is known.

    Raises:
        ValueError: ``start`` is not before ``end``.

    Reads: snapshots, by the index on system and timestamp, an hour more before; then rates, by the index on system and
    minute.
    """
    check_span(start, end)
    select = select_snapshots(system, start - HOUR, end)
    versions = {name: {"$ifNull": [f"$server_info.{name}_version", None]} for name in VERSIONS}
    told = {"$project": {"timestamp": 1, **versions}}
    known = {"$match": {"$or": [{name: {"$ne": None}} for name in VERSIONS]}}
    previous = {"$shift": {"output": {name: f"${name}" for name in VERSIONS}, "by": -1}}
    with_previous = {"$setWindowFields": {"sortBy": {"timestamp": 1, "_id": 1}, "output": {"previous": previous}}}
    changed = {"$match": {"timestamp": {"$gte": start}, "$expr": {"$or": [_has_changed(name) for name in VERSIONS]}}}
    minute = minute_of("$timestamp")
    before = _hour(system, {"$subtract": [minute, HOUR_MS]}, minute, "before")
    after = _hour(system, minute, {"$add": [minute, HOUR_MS]}, "after")
    steps = {name: {"from": f"$previous.{name}", "to": f"${name}"} for name in VERSIONS}
    around = {name: {"$ifNull": [{"$first": f"${name}"}, None]} for name in ("before", "after")}
    shape = {"$project": {"_id": 0, "at": "$timestamp", **steps, **around}}
    oldest_first = {"$sort": {"at": 1}}
    return [select, told, known, with_previous, changed, before, after, shape, oldest_first]


def _has_changed(name: str) -> Expression:
    """Tell whether a version is another than that of the snapshot before, both being known."""
    previous, current = f"$previous.{name}", f"${name}"
    return {"$and": [{"$gt": [previous, None]}, {"$gt": [current, None]}, {"$ne": [previous, current]}]}


def _hour(system: str, start: Expression, end: Expression, name: str) -> dict[str, Expression]:
    """Look up the means of the minutes of a span, as a list of one or none."""
    in_span = {"$and": [{"$gte": ["$minute", "$$start"]}, {"$lt": ["$minute", "$$end"]}]}
    select = {"$match": {"system": system, "$expr": in_span}}
    times = "$response_time_ms"
    means = {
        "$group": {
            "_id": None,
            **mean_parts("exceptions"),
            "total_ms": {"$sum": {"$multiply": [f"{times}.avg", f"{times}.count"]}},
            "requests": {"$sum": f"{times}.count"},
        }
    }
    mean_ms = {"$cond": [{"$gt": ["$requests", 0]}, {"$divide": ["$total_ms", "$requests"]}, None]}
    shape = {"$project": {"_id": 0, "exceptions_per_minute": mean_of("exceptions"), "response_time_ms": mean_ms}}
    span = {"start": start, "end": end}
    return {"$lookup": {"from": RATES, "let": span, "pipeline": [select, means, shape], "as": name}}
