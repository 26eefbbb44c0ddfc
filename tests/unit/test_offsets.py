"""The UTC offset of times that do not say it."""

import zoneinfo
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from receiver.intake.offsets import OFFSETS, Offset

TIMESTAMPS = [
    datetime(2026, 1, 15, 12, 2, 30, tzinfo=UTC),
    datetime(2026, 1, 15, 0, 1, tzinfo=UTC),
    datetime(2025, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
]
AGES = [timedelta(seconds=seconds) for seconds in (0, 1, 59, 150, 299, 300)]


def local(moment: datetime, minutes: int) -> datetime:
    """Return a moment as an application with that offset writes it: without a zone, to the second."""
    return (moment + timedelta(minutes=minutes)).replace(tzinfo=None, microsecond=0)


@pytest.mark.parametrize("timestamp", TIMESTAMPS, ids=str)
@pytest.mark.parametrize("minutes", OFFSETS)
def test_every_offset_is_found_from_a_single_row_of_any_age(timestamp: datetime, minutes: int) -> None:
    for age in AGES:
        offset = Offset(timestamp)
        row = local(timestamp - age, minutes)
        offset.learn([row])
        assert offset.minutes == minutes
        assert offset.utc(row) == (timestamp - age).replace(microsecond=0)


def test_every_offset_in_use_is_known() -> None:
    names = zoneinfo.available_timezones()
    if not names:
        pytest.fail("this machine has no time zones")
    days = [datetime(2026, month, 15, tzinfo=UTC) for month in (1, 4, 7, 10)]
    used = set()
    for name in names:
        for day in days:
            offset = day.astimezone(zoneinfo.ZoneInfo(name)).utcoffset()
            assert offset is not None
            used.add(offset.total_seconds() / 60)
    assert used <= set(OFFSETS)
    assert all(minutes % 15 == 0 for minutes in OFFSETS)
    assert all(later > earlier for earlier, later in pairwise(OFFSETS))


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("taken", range(6))
def test_rows_on_both_sides_of_a_change_of_the_clocks(zone: str, change: datetime, taken: int) -> None:
    timestamp = change + timedelta(minutes=taken, seconds=1)
    moments = [timestamp - timedelta(seconds=seconds) for seconds in range(1, 300, 7)]
    rows = [moment.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None) for moment in moments]
    offset = Offset(timestamp)
    offset.learn(rows)
    assert [offset.utc(row) for row in rows] == moments


def test_without_rows_there_is_no_offset() -> None:
    offset = Offset(TIMESTAMPS[0])
    offset.learn([])
    assert offset.minutes is None


def test_a_row_far_from_its_snapshot_has_no_moment() -> None:
    offset = Offset(TIMESTAMPS[0])
    stray = local(TIMESTAMPS[0] - timedelta(days=3), 420)
    offset.learn([local(TIMESTAMPS[0], 420), stray])
    assert offset.minutes == 420
    assert offset.utc(stray) is None


def test_most_rows_decide() -> None:
    timestamp = TIMESTAMPS[0]
    offset = Offset(timestamp)
    offset.learn([local(timestamp, 420), local(timestamp, 420), local(timestamp, 0)])
    assert offset.minutes == 420
    assert offset.utc(local(timestamp, 0)) == timestamp


def test_a_configured_offset_is_not_doubted() -> None:
    offset = Offset(TIMESTAMPS[0], configured=480)
    old = local(TIMESTAMPS[0] - timedelta(days=3), 480)
    offset.learn([old])
    assert offset.minutes == 480
    assert offset.utc(old) == TIMESTAMPS[0] - timedelta(days=3)
