"""The canonical type and the moment of an entry."""

from datetime import UTC, datetime
from typing import Any

import pytest

from receiver.intake.dialect import canonical_type, pulse_moment, telescope_moment, understand

MOMENT = datetime(2025, 9, 14, 19, 48, 49, tzinfo=UTC)


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


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        ("2025-09-14T19:48:49Z", MOMENT),
        ("2025-09-14T19:48:49.000000Z", MOMENT),
        ("2025-09-15 02:48:49+07:00", MOMENT),
        ("2025-09-14 19:48:49", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_telescope_rows_with_a_zone_have_a_moment(sent: object, moment: datetime | None) -> None:
    assert telescope_moment({"created_at": sent}) == moment


@pytest.mark.parametrize(
    ("entry", "moment"),
    [
        ({"timestamp": 1757879329}, MOMENT),
        ({"timestamp": 1757879329.0}, MOMENT),
        ({"timestamp": True}, None),
        ({"timestamp": 10**30}, None),
        ({"timestamp": -1}, None),
        ({"timestamp": "1757879329"}, None),
        ({"created_at": "2025-09-14T19:48:49Z"}, MOMENT),
    ],
)
def test_pulse_rows_have_epoch_seconds(entry: dict[str, Any], moment: datetime | None) -> None:
    assert pulse_moment(entry) == moment


def test_what_is_replaced_is_kept_under_sent() -> None:
    entries: list[dict[str, Any]] = [
        {"type": "App\\Boom", "stack_trace": [], "created_at": "2025-09-14T19:48:49Z"},
        {"type": None, "stack_trace": [], "sent": "theirs"},
        {"type": "query", "created_at": "2025-09-14 19:48:49"},
    ]
    understand(entries, telescope_moment)
    assert entries == [
        {
            "type": "exception",
            "stack_trace": [],
            "created_at": MOMENT,
            "sent": {"type": "App\\Boom", "created_at": "2025-09-14T19:48:49Z"},
        },
        {"type": "exception", "stack_trace": [], "sent": {"type": None, "sent": "theirs"}},
        {"type": "query", "created_at": "2025-09-14 19:48:49"},
    ]


def test_a_pulse_row_gets_created_at_without_losing_its_timestamp() -> None:
    entries: list[dict[str, Any]] = [{"id": 1, "timestamp": 1757879329, "type": "cache_hit"}]
    understand(entries, pulse_moment)
    assert entries == [{"id": 1, "timestamp": 1757879329, "type": "cache_hit", "created_at": MOMENT}]
