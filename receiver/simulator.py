"""Simulated Laravel applications: what happens in them, and the snapshots that the sender would take of it.

An application is a function of time: what happens in a minute follows from its name and that minute alone. So its
snapshots overlap as real ones do, can be taken at any time and in any order, and are the same when taken again.
"""

import math
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from receiver.clock import Clock, iso_utc
from receiver.sending import Sender

MINUTE = timedelta(minutes=1)
WINDOW = timedelta(minutes=5)
MOST_ROWS = 50
MEGABYTE = 1_000_000

Event = dict[str, Any]


@dataclass(frozen=True)
class Application:
    """A simulated application.

    Args:
        name: its ``system``.
        requests_per_minute: on average, at noon; at night a fifth of that.
        incident_every_minutes: how often something breaks, for three minutes; None for never.
        cadence_seconds: between two snapshots.
        utc_offset_minutes: of its ``app.timezone``.
    """

    name: str
    requests_per_minute: float
    incident_every_minutes: int | None
    cadence_seconds: int
    utc_offset_minutes: int


CALM = Application("kantin", 4, None, 75, 0)
BUSY = Application("toko-online", 90, None, 60, 420)
BROKEN = Application("klinik", 25, 12, 60, 480)
APPLICATIONS = (CALM, BUSY, BROKEN)

PATHS = ("/", "/login", "/api/products", "/api/orders", "/api/patients", "/reports/daily", "/cart", "/checkout")
QUERIES = (
    "select * from `users` where `id` = {} limit 1",
    "select * from `products` where `category_id` = {} order by `name` asc",
    "select count(*) as aggregate from `orders` where `user_id` = {}",
    "update `carts` set `updated_at` = now() where `id` = {}",
)
FAULTS = (
    ("Illuminate\\Database\\QueryException", "SQLSTATE[42S22]: Column not found: 1054 Unknown column 'nik'"),
    ("ErrorException", 'Undefined array key "total"'),
    ("Symfony\\Component\\HttpKernel\\Exception\\HttpException", "Service Unavailable"),
)


def is_broken(application: Application, minute: datetime) -> bool:
    """Tell whether the application is in one of its incidents."""
    every = application.incident_every_minutes
    return every is not None and int(minute.timestamp() // 60) % every < 3


@lru_cache(maxsize=64)
def events_of(application: Application, minute: datetime) -> tuple[Event, ...]:
    """Return what happened in a minute, oldest first.

    Args:
        application: which.
        minute: its start, UTC.
    """
    chance = random.Random(f"{application.name} {minute.isoformat()}")  # noqa: S311 - a play, not a secret
    local_hour = (minute + timedelta(minutes=application.utc_offset_minutes)).hour
    daylight = 0.6 - 0.4 * math.cos(local_hour / 24 * 2 * math.pi)
    expected = application.requests_per_minute * daylight
    count = max(0, round(chance.gauss(expected, math.sqrt(expected))))
    broken = is_broken(application, minute)
    moments = sorted(minute + timedelta(seconds=chance.uniform(0, 60)) for _ in range(count))
    return tuple(event for moment in moments for event in _request(moment, chance, broken))


def _request(moment: datetime, chance: random.Random, broken: bool) -> Iterator[Event]:
    """Yield one request with all it causes, as Telescope and Pulse record it."""
    batch = _ordered_uuid(moment, chance)
    path = chance.choice(PATHS)
    fails = broken and chance.random() < 0.4
    duration = round(chance.lognormvariate(4.6, 0.7) * (8 if broken else 1))
    for _ in range(chance.randint(1, 4)):
        yield _query(moment, batch, chance)
    if chance.random() < 0.5:
        result = chance.choice(("hit", "hit", "missed"))
        yield _telescope("cache", moment, batch, {"type": result, "key": f"user:{chance.randint(1, 40)}"})
    if fails:
        yield _exception(moment, batch, chance)
        yield _telescope("log", moment, batch, {"level": "error", "message": "Request failed", "context": []})
    if chance.random() < 0.05:
        job = {"status": "failed" if fails else "processed", "queue": "default", "connection": "redis", "tries": 1}
        yield _telescope("job", moment, batch, {**job, "name": "App\\Jobs\\SendReceipt"})
    user = chance.randint(1, 40)
    content = {
        "ip_address": f"10.0.0.{chance.randint(2, 90)}",
        "uri": path,
        "method": chance.choice(("GET", "GET", "GET", "POST")),
        "controller_action": "App\\Http\\Controllers\\ShopController@show",
        "middleware": ["web"],
        "headers": {"accept": "application/json", "cookie": "laravel_session=demo"},
        "payload": [],
        "session": [],
        "response_status": 500 if fails else 200,
        "response": "HTML Response",
        "duration": duration,
        "memory": chance.randint(2, 24),
        "user": {"id": user, "name": "Demo"},
    }
    yield _telescope("request", moment, batch, content)
    yield _pulse("user_request", moment, str(user), None)
    if duration >= 1000:
        yield _pulse("slow_request", moment, f'["GET","{path}","ShopController@show"]', duration)


def _query(moment: datetime, batch: str, chance: random.Random) -> Event:
    shape = chance.choice(QUERIES)
    sql = shape.format(chance.randint(1, 500))
    spent = f"{chance.lognormvariate(1, 1):.2f}"
    return _telescope(
        "query",
        moment,
        batch,
        {
            "connection": "mysql",
            "bindings": [],
            "sql": sql,
            "time": spent,
            "slow": float(spent) > 100,
            "file": "/var/www/html/app/Models/Order.php",
            "line": 40 + QUERIES.index(shape),
            "hash": f"{QUERIES.index(shape):032x}",
        },
    )


def _exception(moment: datetime, batch: str, chance: random.Random) -> Event:
    name, message = chance.choice(FAULTS)
    trace = [{"file": "/var/www/html/vendor/laravel/framework/src/Illuminate/Routing/Router.php", "line": 799}]
    place = {"file": "/var/www/html/app/Services/Billing.php", "line": 88}
    content = {"class": name, **place, "message": message, "trace": trace}
    event = _telescope("exception", moment, batch, content)
    # The sender merges the exception's own fields into the row, its class over the row's type.
    return {**event, "row": {**event["row"], "type": name, "message": message, "stack_trace": trace}}


def _telescope(kind: str, moment: datetime, batch: str, content: dict[str, Any]) -> Event:
    row = {"type": kind, "created_at": moment, "batch_id": batch, "content": {"hostname": "web-1", **content}}
    return {"source": "telescope", "type": kind, "moment": moment, "row": row}


def _pulse(kind: str, moment: datetime, key: str, value: int | None) -> Event:
    number = int(moment.timestamp() * 1000) % 10_000_000
    row = {"id": number, "timestamp": int(moment.timestamp()), "type": kind, "key": key, "value": value}
    return {"source": "pulse", "type": kind, "moment": moment, "row": row}


def _ordered_uuid(moment: datetime, chance: random.Random) -> str:
    """Make an ordered UUID: its first twelve digits are the time in units of ten microseconds."""
    head = int(moment.timestamp() * 1e5) << 80
    return str(uuid.UUID(int=(head | chance.getrandbits(80)) & ((1 << 128) - 1)))


def take_snapshot(application: Application, now: datetime) -> dict[str, Any]:
    """Return what the sender would post at that moment.

    Args:
        application: of which.
        now: UTC, aware.
    """
    minutes = [now.replace(second=0, microsecond=0) - n * MINUTE for n in range(6, -1, -1)]
    happened = [event for minute in minutes for event in events_of(application, minute)]
    recent = [event for event in happened if now - WINDOW <= event["moment"] < now]
    memory = 18 * MEGABYTE + len(recent) * 40_000 + (90 * MEGABYTE if is_broken(application, now) else 0)
    week = now.isocalendar().week
    return {
        "timestamp": iso_utc(now),
        "system": application.name,
        **{source: _section(application, source, recent) for source in ("telescope", "pulse")},
        "server_info": {
            "php_version": "8.3.14",
            "laravel_version": f"11.{week}.0",  # deployed every Monday
            "memory_usage": memory,
            "peak_memory": memory + 2 * MEGABYTE,
        },
    }


def _section(application: Application, source: str, recent: list[Event]) -> dict[str, Any]:
    events = [event for event in recent if event["source"] == source]
    newest = [_row(application, event) for event in events[: -MOST_ROWS - 1 : -1]]
    counts = Counter(event["type"] for event in events)
    return {
        "total_entries": 500_000 + len(events),
        "recent_entries": len(newest),
        "entry_types": dict(counts) or [],  # as PHP writes an empty map
        "recent_entries_data": newest,
    }


def _row(application: Application, event: Event) -> dict[str, Any]:
    row = dict(event["row"])
    if "created_at" in row:
        local = event["moment"] + timedelta(minutes=application.utc_offset_minutes)
        row["created_at"] = local.strftime("%Y-%m-%d %H:%M:%S")
    return row


def history(now: datetime, days: int) -> list[tuple[Application, datetime]]:
    """List the snapshots of all applications over some days up to now, oldest first.

    The last day has one every five minutes, so that their windows leave no gap; the days before, one in fifteen.
    """
    recent = [now - number * WINDOW for number in range(1, min(days, 1) * 288 + 1)]
    older = [now - timedelta(days=1) - number * 3 * WINDOW for number in range(1, max(days - 1, 0) * 96 + 1)]
    return [(application, moment) for moment in reversed(recent + older) for application in APPLICATIONS]


def play(sender: Sender, clock: Clock, rest: Callable[[], bool]) -> None:
    """Post as the applications would, each at its own cadence.

    Args:
        sender: to the receiver.
        clock: what time it is.
        rest: waits a moment and tells whether to go on.
    """
    due = dict.fromkeys(APPLICATIONS, datetime.min.replace(tzinfo=UTC))
    while rest():
        now = clock()
        for application in [application for application, moment in due.items() if moment <= now]:
            sender.post(msgspec.json.encode(take_snapshot(application, now)))
            due[application] = now + timedelta(seconds=application.cadence_seconds)
