"""A small shop whose figures can be added up by hand, seen from 12:00 to 15:00; and its neighbour, the blog."""

from datetime import UTC, datetime
from typing import Any

Row = dict[str, Any]

SHOP, BLOG = "shop", "blog"


def at(clock: str, day: int = 15) -> datetime:
    """Return a moment of January 2026; the story is on the 15th."""
    return datetime.fromisoformat(f"2026-01-{day:02}T{clock}Z").astimezone(UTC)


START, END = at("12:00:00"), at("15:00:00")


def batch(number: int) -> str:
    """Return a batch id."""
    return f"9fe0d14c-d6ab-4d5e-a4ff-{number:012}"


CART, ORDERS = "App\\Http\\Controllers\\CartController@show", "App\\Http\\Controllers\\OrderController@store"
DEADLOCK, LOGIC, RUNTIME = "Illuminate\\Database\\QueryException", "LogicException", "RuntimeException"
ITEM, REPORT = "select * from `items` where `id` = ?", "select sum(`total`) from `orders`"


def row(kind: str, moment: datetime, number: int | None, **content: Any) -> Row:
    """Make one of Telescope's rows; its batch is left out where it has no number."""
    told = {"batch_id": batch(number)} if number is not None else {}
    return {"type": kind, "created_at": moment.isoformat(), **told, "content": content}


def request(
    moment: datetime, number: int, action: str, status: int | None, ms: float | None, user: int | None = None
) -> Row:
    """Make the row of a request: an order is posted, all else is got; the page about us is a closure."""
    method, uri = (
        ("POST", "/orders") if action == ORDERS else ("GET", "/cart" if action == CART else "/about?from=home")
    )
    content: Row = {
        "method": method,
        "uri": uri,
        "controller_action": action,
        "response_status": status,
        "duration": ms,
    }
    content |= {"user": {"id": user}} if user else {}
    # What a form may hold, and nobody may keep.
    content |= {"payload": {"password": "hunter2"}} if action == ORDERS else {}
    return row("request", moment, number, **content)


def queries(moment: datetime, number: int | None, sql: str, times: int, ms: float) -> list[Row]:
    """Make the rows of a query that ran several times; its hash is that of its shape."""
    shape = "shape-of-items" if sql == ITEM else "shape-of-report"
    place = {"file": "/app/Cart.php", "line": 12} if sql == ITEM else {"file": "/app/Report.php", "line": 7}
    run = row("query", moment, number, sql=sql, hash=shape, time=f"{ms:.2f}", slow=False, **place)
    return [run] * times


def exception(moment: datetime, number: int | None, name: str, message: str) -> Row:
    """Make the row of an exception; the sender writes its class over its type."""
    told = row(name, moment, number, message=message, file="/app/x.php", line=1, trace=[], **{"class": name})
    return {**told, "stack_trace": []}


def outgoing(moment: datetime, uri: str, status: int | None, ms: float | None, **content: Any) -> Row:
    """Make the row of a request to another host; without status and time nobody answered."""
    told = {name: value for name, value in (("response_status", status), ("duration", ms)) if value is not None}
    return row("client_request", moment, None, method="POST", uri=uri, **told, **content)


def job(moment: datetime, name: str, status: str) -> Row:
    """Make the row of a job."""
    return row("job", moment, None, name=name, queue="mail", connection="redis", status=status, tries=1)


# At the first moment of the span.
EARLY_ROWS = [
    exception(START, None, RUNTIME, "The mail server hung up"),
    row("log", START, None, level="debug", message="Booted"),
]
# What Telescope recorded from 12:01 to 12:05, all of which two snapshots tell.
NOON_ROWS = [
    request(at("12:01:10"), 1, CART, 200, 100, user=7),
    *queries(at("12:01:10"), 1, ITEM, 6, 10),
    request(at("12:01:20"), 2, CART, 500, 300, user=7),
    *queries(at("12:01:20"), 2, ITEM, 5, 20),
    exception(at("12:01:20"), 2, DEADLOCK, "Deadlock found"),
    request(at("12:02:10"), 3, ORDERS, 201, 400, user=8),
    *queries(at("12:02:10"), 3, ITEM, 4, 5),
    *queries(at("12:02:10"), 3, REPORT, 1, 500),
    request(at("12:02:20"), 4, "Closure", 200, 50),
    *queries(at("12:02:20"), 4, REPORT, 5, 1),
    exception(at("12:03:00"), 6, RUNTIME, "The mail server is down"),
    job(at("12:03:00"), "SendReceipt", "failed"),
    job(at("12:03:10"), "SendReceipt", "processed"),
    job(at("12:03:20"), "ImportPrices", "failed"),
    job(at("12:03:30"), "ImportPrices", "failed"),
    job(at("12:03:40"), "CleanUp", "pending"),
    *queries(at("12:03:40"), None, ITEM, 5, 0),
    row("log", at("12:04:09"), 5, level="error", message="Retrying"),
    request(at("12:04:10"), 5, CART, 500, 200),
    exception(at("12:04:10"), 5, DEADLOCK, "Lock wait timeout exceeded"),
    exception(at("12:04:12"), 5, DEADLOCK, "Lock wait timeout exceeded again"),
    request(at("12:04:15"), 10, CART, None, None),
    row("log", at("12:04:20"), None, level="error", message="Gave up"),
    row("log", at("12:04:30"), None, level="info", message="Ready"),
    outgoing(at("12:04:40"), "https://pay.test/charge", 200, 100),
    outgoing(at("12:04:41"), "https://pay.test/charge", 500, 900),
    outgoing(at("12:04:42"), "https://pay.test/charge", None, None),
    outgoing(at("12:04:43"), "https://mail.test/send", 404, 20),
    outgoing(at("12:04:44"), "http://receiver.test/api/monitoring", 200, 30, payload={"telescope": "x" * 5000}),
    outgoing(at("12:04:45"), "https://sms.test/send", None, None),
    outgoing(at("12:04:46"), "https://fax.test/send", 200, None),
]
# Pulse saw more of user 8 than Telescope, and less of user 7.
NOON_USERS = [
    {
        "id": number,
        "timestamp": int(at(f"12:02:{number}").timestamp()),
        "type": "user_request",
        "key": user,
        "value": None,
    }
    for number, user in enumerate(["8", "8", "8", "8", "7"], 10)
]
EARLY_USERS = [{"id": 9, "timestamp": int(START.timestamp()), "type": "user_request", "key": "8", "value": None}]


def snapshot(
    moment: datetime,
    telescope: list[Row],
    pulse_counts: dict[str, int],
    *,
    counts: dict[str, int] | None = None,
    pulse: list[Row] | None = None,
    megabytes: int = 1,
    versions: tuple[str, str | None] = ("8.2.0", "11.0"),
    system: str = SHOP,
    **server_info: Any,
) -> Row:
    """Make a payload; Telescope's counts are those of its rows, if nothing else is said."""
    kinds = ["exception" if "stack_trace" in one else one["type"] for one in telescope]
    counts = {kind: kinds.count(kind) for kind in kinds} if counts is None else counts
    sections = {"telescope": (telescope, counts), "pulse": (pulse or [], pulse_counts)}
    return {
        "timestamp": moment.isoformat(),
        "system": system,
        **{
            source: {
                "total_entries": 1000,
                "recent_entries": len(rows),
                "entry_types": types,
                "recent_entries_data": rows,
            }
            for source, (rows, types) in sections.items()
        },
        "server_info": {
            "php_version": versions[0],
            "laravel_version": versions[1],
            "memory_usage": megabytes * 1_000_000,
            "peak_memory": (megabytes + 10) * 1_000_000,
            **server_info,
        },
    }


LAST_WEEK = snapshot(
    at("12:05:00", day=8),
    [
        exception(at("12:01:00", day=8), 90, DEADLOCK, "An old deadlock"),
        exception(at("12:02:00", day=8), 91, LOGIC, "Gone since"),
    ],
    {},
    counts={"request": 25, "exception": 5},
)
BEFORE = snapshot(at("11:00:00"), [], {}, megabytes=500, versions=("8.1.0", "11.0"))
# Of the snapshots at the first and at the last moment both collectors failed.
FAILED = {"error": "Failed to retrieve data", "message": "SQLSTATE[42S02]"}
AT_START = {**snapshot(START, [], {}, megabytes=60, mail_password="hunter2"), "telescope": FAILED, "pulse": FAILED}
FIRST = snapshot(
    at("12:05:00"),
    [*EARLY_ROWS, *NOON_ROWS],
    {"cache_hit": 30, "cache_miss": 10},
    pulse=[*EARLY_USERS, *NOON_USERS],
    megabytes=50,
)
SECOND = snapshot(
    at("12:06:00"),
    [
        *NOON_ROWS,
        request(at("12:05:30"), 7, CART, 200, 80, user=8),
        request(at("12:05:40"), 11, ORDERS, 201, 600),
    ],
    {"cache_hit": 30, "cache_miss": 10},
    pulse=NOON_USERS,
    megabytes=70,
)
# Then it is a busy day: only a part of the rows arrives.
NEW_PHP = snapshot(
    at("13:05:00"),
    [request(at("13:04:00"), 8, CART, 200, 150, user=7)],
    {"cache_hit": 20, "cache_miss": 20},
    counts={"request": 60, "exception": 10},
    megabytes=90,
    versions=("8.3.0", "11.0"),
    db_password="hunter2",
)
NEW_LARAVEL = snapshot(
    at("13:06:00"),
    [request(at("13:05:30"), 9, CART, 200, 250)],
    {"cache_hit": 20},
    counts={"request": 60, "exception": 5},
    megabytes=110,
    versions=("8.3.0", "12.0"),
)
# Nothing happens any more; one snapshot does not say its version of Laravel.
QUIET = snapshot(at("14:30:00"), [], {}, megabytes=10, versions=("8.3.1", None))
STILL_QUIET = snapshot(at("14:31:00"), [], {}, megabytes=30, versions=("8.3.1", "12.0"))
AT_END = {
    **snapshot(END, [], {}, megabytes=900, versions=("8.4.0", "13.0"), db_password="hunter2"),
    "telescope": FAILED,
    "pulse": FAILED,
}
AFTER = snapshot(
    at("15:05:00"),
    [exception(END, 92, DEADLOCK, "A later deadlock"), request(END, 92, CART, 500, 9000, user=7)],
    {},
)
# The blog was once copied from the shop, batches included; its Pulse is broken.
BLOG_SNAPSHOT = {
    **snapshot(at("12:30:00"), [request(at("12:29:00"), 6, "BlogController@show", 200, 5, user=7)], {}, system=BLOG),
    "pulse": FAILED,
}
IN_SPAN = [AT_START, FIRST, SECOND, NEW_PHP, NEW_LARAVEL, QUIET, STILL_QUIET, BLOG_SNAPSHOT]
PAYLOADS = [LAST_WEEK, BEFORE, *IN_SPAN, AT_END, AFTER]
