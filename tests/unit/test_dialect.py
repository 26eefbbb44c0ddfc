"""The content, the canonical type and the moment of an entry."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from receiver.intake.dialect import canonical_type, understand
from receiver.intake.offsets import Offset

NOW = datetime(2025, 9, 14, 19, 51, 20, tzinfo=UTC)
MOMENT = datetime(2025, 9, 14, 19, 48, 49, tzinfo=UTC)


def understood(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry as it is understood in a snapshot of its own."""
    understand([entry], Offset(NOW))
    return entry


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({"type": "query"}, "query"),
        ({"type": "Illuminate\\Database\\QueryException", "stack_trace": []}, "exception"),
        ({"type": None, "stack_trace": [{"line": 1}]}, "exception"),
        ({"type": "App\\Boom", "content": {"class": "App\\Boom", "trace": []}}, "exception"),
        ({"type": "job", "content": {"class": "App\\Job"}}, "job"),
        ({"type": "log", "content": "class trace"}, "log"),
        ({}, None),
    ],
)
def test_exceptions_are_recognised_under_their_class_names(entry: dict[str, Any], kind: str | None) -> None:
    assert canonical_type(entry) == kind


def test_an_exception_is_recognised_in_a_string_too() -> None:
    content = json.dumps({"class": "App\\Boom", "trace": []})
    assert understood({"type": "App\\Boom", "content": content})["type"] == "exception"


@pytest.mark.parametrize(
    ("sent", "content", "decoded"),
    [
        ({"a": 1}, {"a": 1}, 0),
        ('{"a": {"b": [1]}}', {"a": {"b": [1]}}, 1),
        (' {"a": 1}', {"a": 1}, 1),
        ("[]", {}, 1),
        ("[1, 2]", [1, 2], 1),
        ([], {}, 0),
        ([1], [1], 0),
        (None, None, 0),
        (0, 0, 0),
        (1.5, 1.5, 0),
        (True, True, 0),
        ("", "", 0),
        ("plain", "plain", 0),
        ('"quoted"', '"quoted"', 0),
        ("12", "12", 0),
        ('{"broken": ', '{"broken": ', 0),
        ('{"a": NaN}', '{"a": NaN}', 0),
        ('{"a":' * 200 + "1" + "}" * 200, '{"a":' * 200 + "1" + "}" * 200, 0),
        ("[" * 5000, "[" * 5000, 0),
    ],
    ids=lambda value: str(value)[:20],
)
def test_content_in_all_its_forms(sent: object, content: object, decoded: int) -> None:
    entry = {"content": sent}
    assert understand([entry], Offset(NOW)) == decoded
    assert entry == {"content": content}


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2025-09-14T19:48:49Z", MOMENT),
        ("2025-09-14T19:48:49.000000Z", MOMENT),
        ("2025-09-15 02:48:49+07:00", MOMENT),
        ("2025-09-14 19:48:49", MOMENT),
        ("2025-09-15 02:48:49", MOMENT),
    ],
)
def test_created_at_becomes_a_date_and_is_kept_as_sent(sent: str, moment: datetime) -> None:
    assert understood({"created_at": sent}) == {"created_at": moment, "sent": {"created_at": sent}}


@pytest.mark.parametrize(
    "sent", ["0001-01-01T00:00:00+14:00", "9999-12-31 23:59:59", "yesterday", "", "2011-01-01 00:00:00"]
)
def test_a_time_that_cannot_be_told_is_only_kept_as_sent(sent: str) -> None:
    assert understood({"created_at": sent}) == {"sent": {"created_at": sent}}


@pytest.mark.parametrize(
    ("timestamp", "moment"),
    [
        (1757879329, MOMENT),
        (1757879329.0, MOMENT),
        (True, None),
        (10**30, None),
        (-1, None),
        ("1757879329", None),
        ([], None),
        (None, None),
    ],
    ids=str,
)
def test_pulse_rows_have_epoch_seconds(timestamp: object, moment: datetime | None) -> None:
    entry = understood({"timestamp": timestamp})
    assert entry.get("created_at") == moment
    assert entry["timestamp"] == timestamp


def test_what_is_replaced_is_kept_under_sent() -> None:
    entries: list[dict[str, Any]] = [
        {"type": "App\\Boom", "stack_trace": [], "created_at": "2025-09-14T19:48:49Z"},
        {"type": None, "stack_trace": [], "sent": "theirs"},
        {"type": "query", "sent": {"also": "theirs"}},
        {"type": "query", "created_at": None},
    ]
    understand(entries, Offset(NOW))
    assert entries == [
        {
            "type": "exception",
            "stack_trace": [],
            "created_at": MOMENT,
            "sent": {"type": "App\\Boom", "created_at": "2025-09-14T19:48:49Z"},
        },
        {"type": "exception", "stack_trace": [], "sent": {"type": None, "sent": "theirs"}},
        {"type": "query", "sent": {"sent": {"also": "theirs"}}},
        {"type": "query"},
    ]
