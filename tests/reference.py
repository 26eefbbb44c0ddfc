"""The definitions of DESIGN.md, section 5, in plain Python: slow, and as close to the words as may be."""

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

Document = dict[str, Any]

MINUTE = timedelta(minutes=1)
WINDOW = timedelta(minutes=5)
SOURCES = ("telescope", "pulse")


def rates(snapshots: list[Document], rows: list[Document], start: datetime, end: datetime) -> list[Document]:
    """Return what ``rates`` holds of one system's minutes, oldest first."""
    minutes = [start + n * MINUTE for n in range(int((end - start) / MINUTE))]
    documents = [_minute(snapshots, rows, minute) for minute in minutes]
    return [one for one in documents if one["snapshots"] or one["telescope"] or one["pulse"]]


def _minute(snapshots: list[Document], rows: list[Document], minute: datetime) -> Document:
    taken = sorted((one for one in snapshots if floor(one["timestamp"]) == minute), key=lambda one: one["timestamp"])
    inside = [row for row in rows if row["created_at"] and floor(row["created_at"]) == minute]
    heard = [one for one in snapshots if abs(floor(one["timestamp"]) - minute) <= WINDOW]
    sections = {source: _section(snapshots, inside, source, minute) for source in SOURCES}
    return {
        "_id": {"system": "story", "minute": minute},
        "system": "story",
        "minute": minute,
        "snapshots": len(taken),
        "inputs": 2 * len(heard) + len(inside),
        "updated_at": max((one["received_at"] for one in heard), default=None),
        **sections,
        "response_time_ms": _response(inside),
        "memory_bytes": _memory(taken),
        "headline": _headline(sections),
    }


def _section(snapshots: list[Document], inside: list[Document], source: str, minute: datetime) -> Document | None:
    healthy = [one for one in snapshots if is_healthy(one, source)]
    taken = [one for one in healthy if floor(one["timestamp"]) == minute]
    covering = [one for one in healthy if one["timestamp"] - WINDOW <= minute and minute + MINUTE <= one["timestamp"]]
    following = min((one["timestamp"] for one in covering), default=None)
    told = taken or [one for one in covering if one["timestamp"] == following]
    if not told:
        return None
    complete = any(is_complete(one, source) for one in covering)
    counted = Counter(type_name(row["type"]) for row in inside if row["source"] == source)
    windows, growths = _largest_of(windows_of(one, source) for one in told), {}
    if taken:
        growths = _largest_of(growth(healthy, one, source) for one in taken)
    types = {
        kind: _judge(windows.get(kind), growths.get(kind), counted[kind], complete=complete)
        for kind in sorted({*windows, *counted})
    }
    return {"complete": complete, "types": types}


def _judge(window: int | None, growth: float | None, counted: int, *, complete: bool) -> Document:
    average = None if window is None else window / 5
    proven = {"counted": float(counted), "growth": growth, "average": average}
    basis = "counted" if complete else max(proven, key=lambda name: -1.0 if proven[name] is None else proven[name])
    figures = {"window": window, "average": average, "growth": growth, "counted": counted}
    return {"per_minute": proven[basis], "basis": basis, **figures}


def growth(healthy: list[Document], snapshot: Document, source: str) -> dict[str, float]:
    """Return how much the windows grew since the snapshot before, per minute."""
    now = snapshot["timestamp"]
    before = max((one["timestamp"] for one in healthy if now - WINDOW <= one["timestamp"] < now), default=None)
    if before is None:
        return {}
    prior = _largest_of(windows_of(one, source) for one in healthy if one["timestamp"] == before)
    minutes = max(1, (now - before) / timedelta(minutes=1))
    windows = windows_of(snapshot, source)
    return {kind: max(0, count - prior.get(kind, 0)) / minutes for kind, count in windows.items()}


def is_healthy(snapshot: Document, source: str) -> bool:
    """Tell whether a section counts, and knows all that it counts."""
    types = snapshot[source].get("entry_types")
    return isinstance(types, dict) and None not in types.values() and snapshot[source].get("error") is None


def is_complete(snapshot: Document, source: str) -> bool:
    """Tell whether a section brought as many rows as it counts."""
    rows = [row for row in snapshot[source].get("recent_entries_data") or [] if row.get("created_at")]
    return sum(snapshot[source]["entry_types"].values()) <= len(rows)


def windows_of(snapshot: Document, source: str) -> dict[str, int]:
    """Return the counts of a section by type, those without a proper name together."""
    counts: Counter[str] = Counter()
    for kind, count in snapshot[source]["entry_types"].items():
        counts[type_name(kind)] += count
    return {kind: count for kind, count in counts.items() if count or kind != "other"}


def type_name(kind: str | None) -> str:
    """Return the name a type goes by."""
    return kind if kind and re.fullmatch("[a-z][a-z0-9_]{0,63}", kind) else "other"


def _response(inside: list[Document]) -> Document:
    times = sorted(row["duration_ms"] for row in inside if row["type"] == "request" and "duration_ms" in row)
    slow = [row["duration_ms"] for row in inside if row["type"] == "slow_request" and "duration_ms" in row]
    rank = -(-len(times) * 95 // 100)
    return {
        "count": len(times),
        "avg": sum(times) / len(times) if times else None,
        "p95": times[rank - 1] if times else None,
        "max": max(times + slow, default=None),
    }


def _memory(taken: list[Document]) -> Document:
    used = [one["server_info"].get("memory_usage") for one in taken]
    peaks = [one["server_info"].get("peak_memory") for one in taken]
    known = [bytes_ for bytes_ in used if bytes_ is not None]
    return {"last": known[-1] if known else None, "max": _largest(used), "peak": _largest(peaks)}


def _headline(sections: dict[str, Document | None]) -> Document:
    figures = {
        "requests": _rate(sections, "telescope", "request"),
        "exceptions": _largest(_rate(sections, source, "exception") for source in SOURCES),
        "queries": _rate(sections, "telescope", "query"),
    }
    rates = {f"{name}_per_minute": rate and rate[0] for name, rate in figures.items()}
    return {**rates, "basis": {name: rate and rate[1] for name, rate in figures.items()}}


def _rate(sections: dict[str, Document | None], source: str, kind: str) -> tuple[float, str] | None:
    section = sections[source]
    if section is None:
        return None
    found = section["types"].get(kind)
    none_seen = (0.0, "counted" if section["complete"] else "average")
    return (found["per_minute"], found["basis"]) if found else none_seen


def _largest(values: Any) -> Any:
    return max((value for value in values if value is not None), default=None)


def _largest_of(maps: Any) -> dict[str, Any]:
    largest: dict[str, Any] = {}
    for one in maps:
        for kind, value in one.items():
            largest[kind] = max(value, largest.get(kind, value))
    return largest


def floor(moment: datetime) -> datetime:
    """Return the start of the minute."""
    return moment.replace(second=0, microsecond=0)
