"""The document of each minute: what is known of it from all snapshots and entries together.

Source: DESIGN.md, section 5.
"""

from datetime import datetime
from typing import Any

from receiver.pipelines.completeness import completeness
from receiver.pipelines.entries import counted, response_times
from receiver.pipelines.memory import memory
from receiver.pipelines.stages import (
    ENTRIES,
    MOST_TYPES_A_MINUTE,
    OTHER,
    RATES,
    SNAPSHOTS,
    SOURCES,
    WINDOW_MINUTES,
    Expression,
    Pipeline,
    is_type_name,
)
from receiver.pipelines.windows import minute_windows

# Figure → the types it is the largest of.
HEADLINE = {
    "requests": (("telescope", "request"),),
    "exceptions": (("telescope", "exception"), ("pulse", "exception")),
    "queries": (("telescope", "query"),),
}


def mean_parts(figure: str) -> dict[str, Expression]:
    """Return what a ``$group`` over minutes of ``rates`` has to accumulate for :func:`mean_of`.

    Args:
        figure: of :data:`HEADLINE`.
    """
    parts: dict[str, Expression] = {}
    for source, kind in HEADLINE[figure]:
        is_known, name = {"$gt": [f"${source}", None]}, f"{figure}_{source}"
        for told in ("counted", "average"):
            rate = {"$ifNull": [f"${source}.types.{kind}.{told}", 0]}
            parts[f"{name}_{told}"] = {"$avg": {"$cond": [is_known, rate, None]}}
        parts[f"{name}_complete"] = {"$min": {"$cond": [is_known, f"${source}.complete", None]}}
    return parts


def mean_of(figure: str) -> Expression:
    """Return the mean of a figure over the minutes that were grouped, None where it is not known of any.

    That is the mean of what was counted, if everything is known of all of them, and else of the five-minute averages,
    which tell a burst once, spread over five minutes. ``per_minute``, the largest of what is proven, tells it in the
    minute of its growth and in the averages after that too: a mean of it may be twice what happened. Of exceptions it
    is the larger of the two sources' means.

    Args:
        figure: of :data:`HEADLINE`.
    """
    names = [f"${figure}_{source}" for source, _ in HEADLINE[figure]]
    return {"$max": [{"$cond": [f"{name}_complete", f"{name}_counted", f"{name}_average"]} for name in names]}


def roll_up(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build :func:`minutes`, written to ``rates``.

    A document that was made from fewer inputs never replaces one made from more. So it makes no difference how often,
    in which order or by how many processes at once this is run, as long as somebody runs it after each snapshot.

    Args:
        system: as stored in ``snapshots.system``.
        start, end: of the minutes, see :func:`minutes`.

    Reads: as :func:`minutes`; writes rates, by ``_id``.
    """
    return [*minutes(system, start, end), _merge()]


def renamed(old: str, new: str) -> Pipeline:
    """Build the documents of one system under another name, written to ``rates``.

    Where both have one of the same minute, that which was made from more stays; a roll-up then makes one of both.

    Reads: rates, by the index on system and minute; writes rates, by ``_id``.
    """
    select = {"$match": {"system": old}}
    system = {"$literal": new}
    rename = {"$set": {"_id": {"system": system, "minute": "$minute"}, "system": system}}
    return [select, rename, _merge()]


def _merge() -> dict[str, Any]:
    knew_less = {"$lt": ["$$new.inputs", "$inputs"]}
    return {
        "$merge": {
            "into": RATES,
            "on": "_id",
            "whenMatched": [{"$replaceWith": {"$cond": [knew_less, "$$ROOT", "$$new"]}}],
            "whenNotMatched": "insert",
        }
    }


def minutes(system: str, start: datetime, end: datetime) -> Pipeline:
    """Build the documents of ``rates``.

    A minute has a document where a snapshot was taken in it, or the window of one covers it; others are a gap. A
    section is None where no snapshot tells of it.

    What ``inputs`` counts is read first, the snapshots by ``completeness`` and the entries by ``counted``; what is read
    later can only know more. So a document with as many inputs as there are knows everything; and the last run to begin
    after the last snapshot makes that one.

    Args:
        system: as stored in ``snapshots.system``.
        start, end: UTC, aware, at the full minute; start included, end excluded.

    Returns:
        Stages yielding a document a minute, oldest first, as ``docs/analysts.md`` shows it.

    Raises:
        ValueError: ``start`` is not before ``end``, or one is not at the full minute.

    Reads: snapshots, by the index on system and timestamp, five minutes more on both sides; entries, by the index on
    system, source, type and time.
    """
    span = (system, start, end)
    return [
        *completeness(*span),
        {"$unionWith": {"coll": SNAPSHOTS, "pipeline": minute_windows(*span)}},
        {"$unionWith": {"coll": ENTRIES, "pipeline": counted(*span)}},
        *_by_type(),
        *_by_source(),
        {"$unionWith": {"coll": ENTRIES, "pipeline": response_times(*span)}},
        {"$unionWith": {"coll": SNAPSHOTS, "pipeline": memory(*span)}},
        *_by_minute(system),
    ]


def _by_type() -> Pipeline:
    """Build one document a minute, source and type; what concerns the minute itself has no type."""
    is_entry = {"$gt": ["$counted", None]}
    name = {"$cond": [is_type_name("$type"), "$type", OTHER]}
    by_type = {
        "$group": {
            "_id": {"minute": "$minute", "source": "$source", "type": {"$cond": [is_entry, name, "$type"]}},
            "window": {"$max": "$window"},
            "growth": {"$max": "$growth"},
            "counted": {"$sum": "$counted"},
            "covered": {"$max": "$covered"},
            "complete": {"$max": "$complete"},
            "inputs": {"$sum": "$inputs"},
            "updated_at": {"$max": "$updated_at"},
        }
    }
    return [by_type]


def _by_source() -> Pipeline:
    """Build one document a minute and source, with the judged rates of all types."""
    average = {"$divide": ["$window", WINDOW_MINUTES]}
    figures = {"window": "$window", "average": average, "growth": "$growth", "counted": "$counted"}
    is_type = {"$gt": ["$_id.type", None]}
    by_source = {
        "$group": {
            "_id": {"minute": "$_id.minute", "source": "$_id.source"},
            "types": {"$push": {"$cond": [is_type, {"k": "$_id.type", "v": figures}, "$$REMOVE"]}},
            "covered": {"$max": "$covered"},
            "complete": {"$max": "$complete"},
            "inputs": {"$sum": {"$add": ["$inputs", "$counted"]}},
            "updated_at": {"$max": "$updated_at"},
        }
    }
    largest_first = {"$sortArray": {"input": "$types", "sortBy": {"v.window": -1, "v.counted": -1, "k": 1}}}
    in_order = {"$sortArray": {"input": {"$slice": [largest_first, MOST_TYPES_A_MINUTE]}, "sortBy": {"k": 1}}}
    judged = {"$map": {"input": in_order, "in": {"k": "$$this.k", "v": _judged("$$this.v")}}}
    section = {"complete": "$complete", "types": {"$arrayToObject": judged}}
    shape = {
        "$project": {
            "_id": 0,
            "minute": "$_id.minute",
            "section": {"k": "$_id.source", "v": {"$cond": ["$covered", section, None]}},
            "inputs": 1,
            "updated_at": 1,
        }
    }
    return [by_source, shape]


def _judged(figures: str) -> Expression:
    """Choose the largest of what is proven; what is counted of a complete minute is exact and stands alone."""
    window, average, growth, counted = (f"{figures}.{name}" for name in ("window", "average", "growth", "counted"))
    is_counted = {"$or": ["$complete", {"$gte": [counted, {"$max": [average, growth]}]}]}
    is_grown = {"$gte": [growth, average]}
    choice = {
        "$switch": {
            "branches": [
                {"case": is_counted, "then": {"per_minute": {"$toDouble": counted}, "basis": "counted"}},
                {"case": is_grown, "then": {"per_minute": growth, "basis": "growth"}},
            ],
            "default": {"per_minute": average, "basis": "average"},
        }
    }
    rest = {"window": window, "average": average, "growth": growth, "counted": counted}
    return {"$mergeObjects": [choice, rest]}


def _by_minute(system: str) -> Pipeline:
    """Build the documents from their sections, response times and memory."""
    by_minute = {
        "$group": {
            "_id": "$minute",
            "sections": {"$push": "$section"},
            "snapshots": {"$max": "$snapshots"},
            "inputs": {"$sum": "$inputs"},
            "updated_at": {"$max": "$updated_at"},
            "response_time_ms": {"$max": "$response_time_ms"},
            "memory_bytes": {"$max": "$memory_bytes"},
        }
    }
    unknown = dict.fromkeys(SOURCES)
    with_sections = {"$set": {"sections": {"$mergeObjects": [unknown, {"$arrayToObject": "$sections"}]}}}
    is_told = {
        "$match": {"$or": [{"snapshots": {"$gt": 0}}, *({f"sections.{source}": {"$ne": None}} for source in SOURCES)]}
    }
    no_times = {"count": 0, "avg": None, "p95": None, "max": None}
    shape = {
        "$project": {
            "_id": {"system": {"$literal": system}, "minute": "$_id"},
            "system": {"$literal": system},
            "minute": "$_id",
            "snapshots": {"$ifNull": ["$snapshots", 0]},
            "inputs": 1,
            "updated_at": 1,
            **{source: f"$sections.{source}" for source in SOURCES},
            "response_time_ms": {"$ifNull": ["$response_time_ms", no_times]},
            "memory_bytes": {"$ifNull": ["$memory_bytes", {"last": None, "max": None, "peak": None}]},
            "headline": {
                **{f"{name}_per_minute": {"$ifNull": [f"$headline.{name}.rate", None]} for name in HEADLINE},
                "basis": {name: {"$ifNull": [f"$headline.{name}.basis", None]} for name in HEADLINE},
            },
        }
    }
    with_headline = {"$set": {"headline": {name: _largest(types) for name, types in HEADLINE.items()}}}
    oldest_first = {"$sort": {"minute": 1}}
    return [by_minute, with_sections, is_told, with_headline, shape, oldest_first]


def _largest(types: tuple[tuple[str, str], ...]) -> Expression:
    """Return the largest known rate of some types, with its basis."""
    return {"$max": [_rate(source, kind) for source, kind in types]}


def _rate(source: str, kind: str) -> Expression:
    """Return a rate with its basis: 0 for a type that a known section lacks, None where the section is not known."""
    section = f"$sections.{source}"
    figures = f"{section}.types.{kind}"
    none_seen = {"$cond": [f"{section}.complete", "counted", "average"]}
    rate = {
        "rate": {"$ifNull": [f"{figures}.per_minute", 0.0]},
        "basis": {"$ifNull": [f"{figures}.basis", none_seen]},
    }
    return {"$cond": [{"$eq": [section, None]}, None, rate]}
