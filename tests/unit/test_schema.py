"""What a snapshot may say, and how faults are worded."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields

from schemas.faults import flatten
from schemas.fields import Entries, PhpNested, Timestamp
from schemas.snapshot import (
    ROW,
    SnapshotSchema,
    TelescopeEntrySchema,
    is_connection_test,
    missing_fields,
)
from tests.support import payload

INTEGER = "Not a valid integer."
STRING = "Not a valid string."
RANGE = "Must be greater than or equal to 0 and less than or equal to 9223372036854775807."


def faults(value: dict[str, Any]) -> dict[str, list[str]]:
    """Return the faults of a payload by path."""
    return dict(flatten(SnapshotSchema().validate(value)))


def telescope(**fields_: Any) -> dict[str, Any]:
    """Return a payload with this Telescope section."""
    return payload(telescope=fields_)


@pytest.mark.parametrize(
    "value",
    [
        payload(),
        payload(telescope=[], pulse=[], server_info=[]),
        payload(telescope={"error": "Failed to retrieve Telescope data", "message": "SQLSTATE"}),
        telescope(entry_types=[], recent_entries_data=[]),
        telescope(recent_entries_data=[[], {}, {"type": None, "content": "broken{"}, {"content": 0}, {"content": []}]),
        telescope(total_entries=None, entry_types=None, recent_entries_data=None),
        payload(pulse={"recent_entries_data": [{"id": 1, "timestamp": 1.5, "key": ["a"], "value": None}]}),
        payload(**{"a.b": {"$c": 1}, "test": True}),
    ],
)
def test_what_really_arrives_is_taken(value: dict[str, Any]) -> None:
    assert faults(value) == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (payload(system=""), {"system": ["Length must be between 1 and 200."]}),
        (payload(system="x" * 201), {"system": ["Length must be between 1 and 200."]}),
        (payload(system=5), {"system": [STRING]}),
        (payload(system="\ud800"), {"system": ["Not valid Unicode text."]}),
        (payload(telescope="x"), {"telescope": ["Invalid input type."]}),
        (payload(pulse=[1]), {"pulse": ["Invalid input type."]}),
        (telescope(total_entries=-1), {"telescope.total_entries": [RANGE]}),
        (telescope(total_entries=2**63), {"telescope.total_entries": [RANGE]}),
        (telescope(total_entries="5"), {"telescope.total_entries": [INTEGER]}),
        (telescope(total_entries=1.5), {"telescope.total_entries": [INTEGER]}),
        (telescope(recent_entries=True), {"telescope.recent_entries": [INTEGER]}),
        (telescope(entry_types=["a"]), {"telescope.entry_types": ["Not a valid mapping type."]}),
        (telescope(entry_types={"a": "b"}), {"telescope.entry_types.a": [INTEGER]}),
        (telescope(recent_entries_data={}), {"telescope.recent_entries_data": ["Not a valid list."]}),
        (telescope(recent_entries_data=["x"]), {"telescope.recent_entries_data.0": ["Invalid input type."]}),
        (
            telescope(recent_entries_data=[{}, {}, {}, {"type": 4, "batch_id": []}]),
            {
                "telescope.recent_entries_data.3.type": [STRING],
                "telescope.recent_entries_data.3.batch_id": [STRING],
            },
        ),
        (telescope(recent_entries_data=[1] * 10_001), {"telescope.recent_entries_data": ["More than 10000 items."]}),
        (
            telescope(entry_types={str(n): -1 for n in range(501)}),
            {"telescope.entry_types": ["More than 500 items."]},
        ),
        (
            telescope(entry_types={"value": -1, "_schema": "x", "key": 1}),
            {"telescope.entry_types.value": [RANGE], "telescope.entry_types._schema": [INTEGER]},
        ),
        (
            payload(system=..., pulse=None, server_info={"memory_usage": -1}),
            {
                "system": ["Missing data for required field."],
                "pulse": ["Field may not be null."],
                "server_info.memory_usage": [RANGE],
            },
        ),
    ],
)
def test_every_fault_has_its_path(value: dict[str, Any], expected: dict[str, list[str]]) -> None:
    assert faults(value) == expected


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2024-01-15T10:30:00.123456Z", datetime(2024, 1, 15, 10, 30, 0, 123456, UTC)),
        ("2024-01-15T10:30:00+05:45", datetime(2024, 1, 15, 4, 45, tzinfo=UTC)),
        ("2024-01-15 10:30:00", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
    ],
)
def test_timestamps_become_utc(sent: str, moment: datetime) -> None:
    loaded = Timestamp().deserialize(sent)
    assert loaded == moment
    assert loaded.tzinfo is UTC


@pytest.mark.parametrize(
    "sent",
    ["", "now", 1705314600, None, True, "1999-12-31T23:59:59Z", "2101-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"],
)
def test_other_timestamps_are_refused(sent: object) -> None:
    with pytest.raises(ValidationError):
        Timestamp().deserialize(sent)


def test_missing_fields_are_named_in_alphabetical_order() -> None:
    assert missing_fields(payload(system=..., pulse=None)) == ["pulse", "system"]


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ({"timestamp": "x", "test": True, "message": "API connection test"}, True),
        ({"test": True}, True),
        ({"test": 1}, False),
        ({"test": "true"}, False),
        (payload(test=True), False),
    ],
)
def test_the_connection_test_is_told_from_a_snapshot(value: dict[str, Any], answer: bool) -> None:
    assert is_connection_test(value) is answer


ANY = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
ROWS = st.lists(
    st.dictionaries(
        st.sampled_from(["type", "created_at", "batch_id", "content", "x"]), ANY | st.just([]) | st.just({})
    )
    | st.just([])
    | ANY,
    max_size=5,
)


def outcome(field: fields.Field[Any], rows: list[Any]) -> object:
    """Load rows: what came out, or the messages."""
    try:
        return field.deserialize(rows)
    except ValidationError as error:
        return error.messages


@given(ROWS)
def test_the_fast_check_of_entries_agrees_with_marshmallow(rows: list[Any]) -> None:
    fast = Entries(TelescopeEntrySchema, ROW)
    slow: fields.Field[Any] = fields.List(PhpNested(TelescopeEntrySchema))
    assert outcome(fast, rows) == outcome(slow, rows)
