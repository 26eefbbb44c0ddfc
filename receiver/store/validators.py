"""What each collection holds, as MongoDB is told: the validators, which are the data dictionary too.

A field that the pipelines rely on has a type; the sender's own other fields are kept as they come. The descriptions
show in Compass, in ``db.getCollectionInfos()`` and in ``docs/analysts.md``.

Source: DESIGN.md, sections 4 and 5.
"""

from collections.abc import Mapping
from typing import Any

from receiver.pipelines.stages import ENTRIES, PROGRESS, RATES, SNAPSHOTS, SOURCES, SYSTEMS
from schemas.snapshot import SectionSchema, ServerInfoSchema, SnapshotSchema

Field = dict[str, Any]

WHOLE = ("int", "long")


def field(about: str, *types: str, **more: Any) -> Field:
    """Describe a field: what it means, and the BSON types it may have."""
    kinds = types[0] if len(types) == 1 else list(types)
    return {"bsonType": kinds, "description": about, **more}


def document(about: str, fields: Mapping[str, Field], *required: str, null: bool = False) -> Field:
    """Describe a document and its fields."""
    types = ("object", "null") if null else ("object",)
    return field(about, *types, **({"required": list(required)} if required else {}), properties=dict(fields))


def text(about: str) -> Field:
    """Describe a text that may not be known."""
    return field(about, "string", "null")


def count(about: str) -> Field:
    """Describe a whole number that may not be known."""
    return field(about, *WHOLE, "null", minimum=0)


def number(about: str) -> Field:
    """Describe a fraction that may not be known."""
    return field(about, "double", "null", minimum=0)


def sent(schema: type[Any], name: str) -> str:
    """Return what a field of the sender means, as its schema says."""
    return str(schema().fields[name].metadata["description"])


ENTRY_IN_SNAPSHOT = document(
    "what the sender sent of one entry, and:",
    {
        "entry_id": field(
            "the `_id` of the entry's row in `entries`, the same in every snapshot that brings it", "string"
        ),
        "type": text("canonical type: an exception is `exception`, not its class"),
        "created_at": field("when it was recorded; not there where that cannot be told", "date"),
        "batch_id": text("the request, job or command it belongs to"),
    },
    "entry_id",
)

SECTION = document(
    "what the sender's collector reported",
    {
        "total_entries": count(sent(SectionSchema, "total_entries")),
        "recent_entries": count(sent(SectionSchema, "recent_entries")),
        "entry_types": field(
            sent(SectionSchema, "entry_types"), "object", "null", additionalProperties=count("of one type")
        ),
        "recent_entries_data": field("the newest entries, newest first", "array", "null", items=ENTRY_IN_SNAPSHOT),
        "error": text(sent(SectionSchema, "error")),
    },
)

RECEIPT = document(
    "how it arrived and what was done to it",
    {
        "schema_version": field("of the document", "int"),
        "bytes": field("of the body, inflated", *WHOLE),
        "utc_offset_minutes": field(
            "of the times that did not say their zone; null where there were none", "int", "null"
        ),
        "decoded": field("how many contents were JSON strings and are objects now", "int"),
        "trimmed": field("what was left out: `path`, `bytes`, `reason` (`feedback` or `too_large`)", "array"),
        "redacted": field("secrets replaced by `[redacted]`: `path`, `count`", "array"),
        "repaired": field("what BSON could not hold: `path`, `fault`, `count`", "array"),
        "late": field("older than five minutes on arrival", "bool"),
        "clock_skew_seconds": field("`timestamp` less `received_at`", "double"),
        "token": field("name of the token it was posted with", "string"),
    },
    *("schema_version", "bytes", "trimmed", "redacted", "late", "clock_skew_seconds", "token"),
)

SNAPSHOT = document(
    "one post of an application",
    {
        "_id": field("the answer's `snapshot_id`", "string"),
        "system": field("which application", "string"),
        "timestamp": field(sent(SnapshotSchema, "timestamp"), "date"),
        "received_at": field("when it arrived, on the receiver's clock", "date"),
        **dict.fromkeys(SOURCES, SECTION),
        "server_info": document(
            "the sending PHP process",
            {
                "php_version": text("of PHP"),
                "laravel_version": text("of Laravel"),
                "memory_usage": count(sent(ServerInfoSchema, "memory_usage")),
                "peak_memory": count(sent(ServerInfoSchema, "peak_memory")),
            },
        ),
        "receipt": RECEIPT,
    },
    *("_id", "system", "timestamp", "received_at", *SOURCES, "server_info", "receipt"),
)

SYSTEM = document(
    "one application",
    {
        "_id": field("its name", "string"),
        "first_seen_at": field("when it was first heard of, on the receiver's clock", "date"),
        "last_seen_at": field("when it was last heard of, on the receiver's clock", "date"),
        "last_timestamp": field("`timestamp` of its latest snapshot, at most five minutes ahead of ours", "date"),
        "php_version": text("as that snapshot says"),
        "laravel_version": text("as that snapshot says"),
        "last_snapshot_id": field("that snapshot", "string"),
    },
    *("_id", "first_seen_at", "last_seen_at", "last_timestamp"),
)

FACTS = {
    "ability": text("that was asked for"),
    "action": text("controller action; of a model, what happened to it"),
    "channel": text("of a notification"),
    "class": text("of an exception or a slow job"),
    "command": text("Artisan or Redis command"),
    "connection": text("of the database or queue"),
    "description": text("of a scheduled task"),
    "duration_ms": field("how long it took, in milliseconds", "double", minimum=0),
    "exit_code": field("of a command", *WHOLE),
    "expression": text("cron expression of a scheduled task"),
    "file": text("where in the code"),
    "host": text("that was called, with its port"),
    "key": text("of the cache or of Pulse"),
    "level": text("of a log line"),
    "line": field("where in the file", *WHOLE),
    "location": text("file and line, as Pulse says it"),
    "mailable": text("class of a mail"),
    "message": text("of an exception or a log line"),
    "method": text("HTTP method"),
    "model": text("class of an Eloquent model"),
    "name": text("of a job, an event, a view, a batch of jobs"),
    "notification": text("class of a notification"),
    "path": text("of a request, without its query"),
    "queue": text("of a job"),
    "queued": field("whether a mail was queued", "bool"),
    "result": text("`hit`, `missed`, `set` or `forget` of a cache call; of a gate, `allowed` or `denied`"),
    "slow": field("whether Telescope thinks a query slow", "bool"),
    "sql": text("of a query, cut to 1,000 characters"),
    "sql_hash": text("the same for all queries that differ in their bindings only"),
    "status": field("HTTP status; of a job `pending`, `processed` or `failed`", *WHOLE, "string"),
    "tries": field("of a job", *WHOLE),
    "user_id": text("who asked for it"),
}

ENTRY = document(
    "the facts of one entry",
    {
        "_id": field("the entry's `entry_id` in every snapshot that brought it", "string"),
        "system": field("which application", "string"),
        "source": {"enum": list(SOURCES), "description": "`telescope` or `pulse`"},
        "type": text("canonical type"),
        "created_at": field("when it was recorded; null where that cannot be told", "date", "null"),
        "batch_id": text("the request, job or command it belongs to"),
        "snapshot_id": field("the first snapshot that brought it: the full content is there", "string"),
        "received_at": field("when that snapshot arrived", "date"),
        "observed_at": field("`timestamp` of the snapshot that last told of it", "date"),
        **FACTS,
    },
    *("_id", "system", "source", "type", "created_at", "snapshot_id", "received_at", "observed_at"),
)

RATE_OF_TYPE = document(
    "of one type",
    {
        "per_minute": field("the largest of what is proven; exact where the section is complete", "double", minimum=0),
        "basis": {
            "enum": ["counted", "growth", "average"],
            "description": "which of them it is: `counted`, `growth` or `average`",
        },
        "window": field("the sender's count of five minutes", *WHOLE, "double", "null", minimum=0),
        "average": number("`window` / 5"),
        "growth": number("what `window` grew since the snapshot before, per minute; null without one"),
        "counted": count("distinct entries known to be of this minute"),
    },
    *("per_minute", "basis", "window", "average", "growth", "counted"),
)

RATES_OF_SECTION = document(
    "of one source; null where no snapshot tells of this minute",
    {
        "complete": field("all entries of this minute are known", "bool"),
        "types": field(
            "by type; names that are not lower-case words are summed up as `other`",
            "object",
            additionalProperties=RATE_OF_TYPE,
        ),
    },
    *("complete", "types"),
    null=True,
)

RATE = document(
    "what is known of one minute of one system",
    {
        "_id": document(
            "both, in this order",
            {"system": field("as below", "string"), "minute": field("as below", "date")},
            *("system", "minute"),
        ),
        "system": field("which application", "string"),
        "minute": field("its start", "date"),
        "snapshots": count("how many were taken in it"),
        "inputs": count("how many sections of snapshots and entries it was made from: more know more"),
        "updated_at": field("when the last of these snapshots was received", "date"),
        **dict.fromkeys(SOURCES, RATES_OF_SECTION),
        "response_time_ms": document(
            "of the distinct sampled requests",
            {
                "count": count("how many"),
                "avg": number("their mean"),
                "p95": number("what 95 % of them stay within"),
                "max": number("the slowest, those that only Pulse tells of included"),
            },
        ),
        "memory_bytes": document(
            "of the PHP process that took the snapshots",
            {
                "last": count("`memory_usage` of the latest snapshot"),
                "max": count("largest `memory_usage`"),
                "peak": count("largest `peak_memory`"),
            },
        ),
        "headline": document(
            "the figures of alerts and charts; null where unknown",
            {
                "requests_per_minute": number("Telescope's `request`"),
                "exceptions_per_minute": number("the larger of Telescope's and Pulse's `exception`"),
                "queries_per_minute": number("Telescope's `query`"),
                "basis": document("what each rests on: `requests`, `exceptions`, `queries`", {}),
            },
        ),
    },
    *("_id", "system", "minute", "snapshots", "inputs", "updated_at", *SOURCES, "headline"),
)

STEP = document(
    "how far work has got that is done after a snapshot was stored",
    {
        "_id": field("which work: `rolled_up`", "string"),
        "received_at": field("all that was received before has been done", "date"),
    },
    *("_id", "received_at"),
)

VALIDATORS: dict[str, Field] = {SNAPSHOTS: SNAPSHOT, ENTRIES: ENTRY, RATES: RATE, SYSTEMS: SYSTEM, PROGRESS: STEP}
