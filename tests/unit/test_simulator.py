"""The simulated applications: the same story however and whenever it is told."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from receiver.intake.dialect import understand
from receiver.intake.identity import identify
from receiver.intake.offsets import Offset
from receiver.simulator import APPLICATIONS, BROKEN, BUSY, CALM, Application, history, is_broken, take_snapshot
from schemas.snapshot import SnapshotSchema

NOW = datetime(2026, 11, 22, 12, 1, 30, tzinfo=UTC)

by_name = pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.name)


def ids(application: Application, now: datetime) -> list[str]:
    """Return the ids of the Telescope entries of a snapshot."""
    rows: list[dict[str, Any]] = take_snapshot(application, now)["telescope"]["recent_entries_data"]
    understand(rows, Offset(now))
    identify(application.name, "telescope", rows)
    return [row["entry_id"] for row in rows]


@by_name
def test_a_snapshot_is_valid_and_the_same_when_taken_again(application: Application) -> None:
    snapshot = take_snapshot(application, NOW)
    assert SnapshotSchema().validate(snapshot) == {}
    assert take_snapshot(application, NOW) == snapshot
    for section in (snapshot["telescope"], snapshot["pulse"]):
        assert section["recent_entries"] == len(section["recent_entries_data"]) <= 50
        assert sum(dict(section["entry_types"]).values()) >= section["recent_entries"]


def test_overlapping_snapshots_tell_of_the_same_entries() -> None:
    night = NOW.replace(hour=0)
    earlier, later = (ids(CALM, night + timedelta(seconds=seconds)) for seconds in (0, 75))
    assert 0 < len(earlier) < 50
    assert set(earlier) & set(later)
    assert len(set(earlier) | set(later)) < len(earlier) + len(later)


def test_an_incident_brings_exceptions_and_memory() -> None:
    assert is_broken(BROKEN, NOW)
    assert not is_broken(BUSY, NOW)
    snapshot = take_snapshot(BROKEN, NOW)
    assert snapshot["telescope"]["entry_types"]["exception"] > 5
    assert snapshot["server_info"]["memory_usage"] > 100_000_000
    assert any("stack_trace" in row for row in snapshot["telescope"]["recent_entries_data"])


def test_history_leaves_no_gap_on_its_last_day_and_ends_before_now() -> None:
    moments = [moment for application, moment in history(NOW, 7) if application is CALM]
    assert moments == sorted(moments)
    assert moments[0] == NOW - timedelta(days=7)
    assert moments[-1] == NOW - timedelta(minutes=5)
    lately = [moment for moment in moments if moment >= NOW - timedelta(days=1)]
    assert {later - earlier for earlier, later in pairwise(lately)} == {timedelta(minutes=5)}
