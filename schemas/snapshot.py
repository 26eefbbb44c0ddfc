"""A snapshot as it is posted to ``/api/monitoring``.

Unknown fields are kept everywhere: what the sender sends, analysts may want.
"""

from typing import Any

from marshmallow import INCLUDE, Schema, fields, post_load, validate

from schemas.fields import Count, Entries, PhpMap, PhpNested, Text, Timestamp, utf8

NONE = type(None)
# Telescope has 18, Pulse a dozen; each costs a little in every minute's rates.
MOST_TYPES = 500


class Open(Schema):
    """A schema that keeps what it does not know."""

    class Meta:
        """Unknown fields pass."""

        unknown = INCLUDE

    @post_load(pass_original=True)
    def _in_the_order_sent(self, loaded: dict[str, Any], sent: Any, **_: Any) -> dict[str, Any]:
        """Restore the order of the fields, which marshmallow does not keep for those it does not know."""
        return {name: loaded[name] for name in sent} if isinstance(sent, dict) else loaded


class TelescopeEntrySchema(Open):
    """One row of Telescope, flattened by the sender."""

    type = Text(metadata={"description": "entry type; a class name or null where the sender overwrote an exception's"})
    created_at = Text(metadata={"description": "ISO 8601, or `2025-09-14 19:48:49` in the application's own time zone"})
    batch_id = Text(metadata={"description": "the request, job or command the entry belongs to"})
    content = fields.Raw(allow_none=True, metadata={"description": "an object, a JSON string of one, or any value"})


class PulseEntrySchema(Open):
    """One row of Pulse."""

    id = fields.Raw(allow_none=True, metadata={"description": "the row's number; restarts when the table is cleared"})
    timestamp = fields.Raw(allow_none=True, metadata={"description": "epoch seconds"})
    type = Text(metadata={"description": "what was recorded, for example `slow_request`"})
    key = fields.Raw(allow_none=True, metadata={"description": "what it was recorded for; may be a JSON string"})
    value = fields.Raw(allow_none=True, metadata={"description": "milliseconds, an epoch or null, by type"})
    created_at = Text(metadata={"description": "as in Telescope's rows; older senders wrote it"})
    batch_id = Text(metadata={"description": "as in Telescope's rows; older senders wrote it"})


TEXT = (str, NONE)
ROW = {"type": TEXT, "created_at": TEXT, "batch_id": TEXT}


class SectionSchema(Open):
    """What one source, Telescope or Pulse, reported; or only ``error`` and ``message`` when its collector failed."""

    total_entries = Count(metadata={"description": "rows in the table; a gauge, since rows are pruned"})
    recent_entries = Count(metadata={"description": "length of `recent_entries_data`, as sent"})
    entry_types = PhpMap(
        most=MOST_TYPES,
        keys=fields.String(),
        values=Count(),
        allow_none=True,
        metadata={"description": "true count of each type in the trailing five minutes"},
    )
    error = Text(metadata={"description": "the collector failed: what it says"})


class TelescopeSchema(SectionSchema):
    """Telescope's section."""

    recent_entries_data = Entries(
        TelescopeEntrySchema, ROW, allow_none=True, metadata={"description": "the newest rows, newest first"}
    )


class PulseSchema(SectionSchema):
    """Pulse's section."""

    recent_entries_data = Entries(
        PulseEntrySchema, ROW, allow_none=True, metadata={"description": "the newest rows, newest first"}
    )


class ServerInfoSchema(Open):
    """The sending PHP process."""

    php_version = Text()
    laravel_version = Text()
    memory_usage = Count(metadata={"description": "bytes"})
    peak_memory = Count(metadata={"description": "bytes"})
    server_time = Text()


class SnapshotSchema(Open):
    """One post of a Laravel application: immutable, about once a minute."""

    timestamp = Timestamp(required=True, metadata={"description": "when the sender took the snapshot"})
    system = fields.String(
        required=True,
        validate=[validate.Length(min=1, max=200), utf8],
        metadata={"description": "which application"},
    )
    telescope = PhpNested(TelescopeSchema, required=True)
    pulse = PhpNested(PulseSchema, required=True)
    server_info = PhpNested(ServerInfoSchema, required=True)


REQUIRED = tuple(sorted(name for name, field in SnapshotSchema().fields.items() if field.required))


def missing_fields(payload: dict[str, Any]) -> list[str]:
    """Name the required root fields that are absent or null, in alphabetical order."""
    return [name for name in REQUIRED if payload.get(name) is None]


def is_connection_test(payload: dict[str, Any]) -> bool:
    """Tell the sender's connection test, ``{"timestamp": …, "test": true, "message": …}``, from a snapshot."""
    return payload.get("test") is True and "telescope" not in payload and "pulse" not in payload
