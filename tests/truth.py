"""What really happens in an application, and the snapshots that its sender would post of it."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from receiver.clock import iso_utc

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WINDOW = timedelta(minutes=5)

# The types that the stories tell of; the last has a name that no document can have under `types`.
TYPES = {"telescope": ("request", "query", "exception", "App\\Odd.Type"), "pulse": ("cache_hit", "exception")}


@dataclass(frozen=True)
class Event:
    """One true thing that happened."""

    moment: datetime
    source: str
    type: str
    number: int

    @property
    def created_at(self) -> datetime:
        """What the database of the application says: whole seconds."""
        return self.moment.replace(microsecond=0)


@dataclass(frozen=True)
class Story:
    """What happens, and how the sender looks at it.

    Args:
        seed: of all chance in it.
        minutes: how long it goes on.
        background: events a minute of each type.
        spikes: ``(minute, source, type, events)`` within one minute.
        gap: ``(minute, length)``: from that minute on, all is so much later.
        cadence_seconds: between two snapshots.
        jitter_seconds: that a snapshot may be later: the next request has to come along first.
        lost: share of the snapshots that never arrive.
        limit: most rows of a section.
        utc_offset_minutes: of the application's own times.
        broken: share of the sections whose collector fails.
        pruned_at: minutes at which the old rows of the tables are deleted.
    """

    seed: int
    minutes: int = 12
    background: int = 3
    spikes: tuple[tuple[int, str, str, int], ...] = ()
    gap: tuple[int, timedelta] | None = None
    cadence_seconds: int = 60
    jitter_seconds: int = 0
    lost: float = 0.0
    limit: int = 50
    utc_offset_minutes: int = 0
    broken: float = 0.0
    pruned_at: tuple[int, ...] = ()
    chance: random.Random = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "chance", random.Random(self.seed))

    def at(self, minute: float) -> datetime:
        """Return the moment that is so many minutes into the story."""
        late = self.gap[1] if self.gap and minute >= self.gap[0] else timedelta()
        return NOON + timedelta(minutes=minute) + late


def happen(story: Story) -> list[Event]:
    """Return the events of a story, oldest first."""
    chance = story.chance
    told: list[tuple[float, str, str]] = []
    for minute in range(story.minutes):
        for source, types in TYPES.items():
            for kind in types:
                count = chance.randint(0, 2 * story.background)
                told += [(minute + chance.random(), source, kind) for _ in range(count)]
    for minute, source, kind, count in story.spikes:
        told += [(minute % story.minutes + chance.random(), source, kind) for _ in range(count)]
    # Some of them cannot be told apart but by their number among equals.
    events = [Event(story.at(when), source, kind, chance.randint(0, 3)) for when, source, kind in told]
    return sorted(events, key=lambda event: event.moment)


def observe(story: Story, events: list[Event]) -> list[dict[str, Any]]:
    """Return the snapshots that arrive, oldest first."""
    chance = story.chance
    # Some senders are started by cron, at the full minute.
    payloads, seconds = [], chance.choice([0.0, chance.uniform(0, story.cadence_seconds)])
    while seconds < story.minutes * 60:
        now = story.at(seconds / 60)
        if chance.random() >= story.lost:
            payloads.append(take(story, events, now.replace(microsecond=now.microsecond // 1000 * 1000)))
        seconds += story.cadence_seconds + chance.uniform(0, story.jitter_seconds)
    return payloads


def take(story: Story, events: list[Event], now: datetime) -> dict[str, Any]:
    """Return the snapshot of one moment."""
    return {
        "timestamp": iso_utc(now),
        "system": "story",
        **{source: _section(story, source, events, now) for source in TYPES},
        "server_info": {"php_version": "8.3.1", "laravel_version": "11.0.0", "memory_usage": 10, "peak_memory": 20},
    }


def window_start(now: datetime) -> datetime:
    """Return from when on the sender counts: Laravel compares whole seconds."""
    return (now - WINDOW).replace(microsecond=0)


def _section(story: Story, source: str, events: list[Event], now: datetime) -> dict[str, Any]:
    if story.chance.random() < story.broken:
        return {"error": f"Failed to retrieve {source} data", "message": "SQLSTATE[HY000]"}
    start = window_start(now)
    seen = [event for event in events if event.source == source and event.created_at >= start and event.moment < now]
    newest = seen[: -story.limit - 1 : -1] if story.limit else []
    pruned = [story.at(minute) for minute in story.pruned_at if story.at(minute) <= now]
    return {
        "total_entries": len(seen) if pruned else 10_000 + len(seen),
        "recent_entries": len(newest),
        "entry_types": dict(Counter(event.type for event in seen)) or [],
        "recent_entries_data": [_row(story, events, event) for event in newest],
    }


def _row(story: Story, events: list[Event], event: Event) -> dict[str, Any]:
    if event.source == "pulse":
        seconds = int(event.moment.timestamp())
        number = events.index(event)
        return {"id": number, "timestamp": seconds, "type": event.type, "key": "k", "value": None}
    local = event.created_at + timedelta(minutes=story.utc_offset_minutes)
    content = {"number": event.number, "duration": 10 * event.number, "uri": "/", "sql": "select 1"}
    row = {"type": event.type, "created_at": local.strftime("%Y-%m-%d %H:%M:%S"), "batch_id": None, "content": content}
    return {**row, "stack_trace": []} if event.type == "exception" else row
