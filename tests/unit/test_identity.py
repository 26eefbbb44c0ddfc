"""The same row has the same id in every snapshot; different rows have different ones."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from receiver.intake.dialect import understand
from receiver.intake.identity import identify
from receiver.intake.offsets import Offset

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
BATCH = "9fe0d14c-d6ab-4d5e-a4ff-f8e866958501"

Entry = dict[str, Any]


def ids(entries: list[Entry], system: str = "shop", source: str = "telescope", now: datetime = NOW) -> list[str]:
    """Return the ids that rows have in a snapshot taken at that time."""
    fresh = [{**entry} for entry in entries]
    understand(fresh, Offset(now))
    identify(system, source, fresh)
    return [entry["entry_id"] for entry in fresh]


def query(**content: Any) -> Entry:
    """Return a query's row."""
    whole = {"connection": "mysql", "sql": "select 1", "time": "1.20", "file": "/a.php", "line": 7, "slow": False}
    return {"type": "query", "created_at": "2026-01-15 11:59:10", "batch_id": BATCH, "content": {**whole, **content}}


def test_overlapping_snapshots_agree() -> None:
    rows = [query(sql=f"select {n}") for n in range(5)]
    assert ids(rows[1:], now=NOW + timedelta(minutes=1))[:3] == ids(rows)[1:4]


def test_five_equal_rows_stay_five_and_are_the_same_five() -> None:
    assert len(set(ids([query()] * 5))) == 5
    assert ids([query()] * 3) == ids([query()] * 5)[:3]


def test_the_order_of_other_rows_does_not_matter() -> None:
    rows = [query(sql="a"), query(sql="b"), query(sql="a")]
    assert sorted(ids(rows)) == sorted(ids([rows[1], rows[0], rows[2]]))


@pytest.mark.parametrize(
    "other",
    [query(sql="select 2"), query(time="1.21"), query(line=8), {**query(), "batch_id": "b"}, {**query(), "type": "x"},
     {**query(), "created_at": "2026-01-15 11:59:11"}],
    ids=str,
)  # fmt: skip
def test_another_row_has_another_id(other: Entry) -> None:
    assert ids([query()]) != ids([other])


def test_systems_and_sources_are_apart() -> None:
    assert len({ids([query()])[0], ids([query()], system="other")[0], ids([query()], source="pulse")[0]}) == 3


def job(**content: Any) -> Entry:
    """Return a job's row."""
    return {"type": "job", "content": {"name": "J", **content}}


def boom(**content: Any) -> Entry:
    """Return an exception's row."""
    return {"type": "Boom", "stack_trace": [], "content": {"class": "Boom", **content}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (job(status="pending"), job(status="failed", exception={"m": 1})),
        (boom(occurrences=1), boom(occurrences=2, resolved_at="now")),
        ({"type": "query", "content": {"sql": "a"}}, {"type": "query", "content": '{"sql": "a"}'}),
    ],
)
def test_what_may_change_is_not_part_of_it(before: Entry, after: Entry) -> None:
    assert ids([before]) == ids([after])


def test_unknown_types_are_known_by_their_scalars() -> None:
    def row(**content: Any) -> Entry:
        return {"type": "custom", "content": content}

    assert ids([row(a=1, b=2)]) == ids([row(b=2, a=1)])
    assert ids([row(a=1)]) != ids([row(a=2)])


@pytest.mark.parametrize("content", [None, 0, "text", True, 1.5, [1], "\ud800"], ids=repr)
def test_any_content_will_do(content: object) -> None:
    assert len(set(ids([{"content": content}, {"content": content}]))) == 2


def pulse(**changes: Any) -> Entry:
    """Return a row of Pulse."""
    return {"id": 7, "timestamp": 1757879329, "type": "cache_hit", "key": "k", "value": None, **changes}


@pytest.mark.parametrize(
    "change", [{"id": 8}, {"timestamp": 1757879330}, {"type": "cache_miss"}, {"key": "x"}, {"value": 1}]
)
def test_pulse_rows_have_an_id_that_restarts_when_the_table_is_cleared(change: Entry) -> None:
    one = ids([pulse()], source="pulse")
    assert one == ids([pulse(more="fields")], source="pulse")
    assert one != ids([pulse(**change)], source="pulse")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pulse(id=None), pulse(id=None, timestamp=1757879330)),
        (pulse(id=None), pulse(id=None, key="x")),
        ({"type": "slow_request", "content": {"uri": "/a"}}, {"type": "slow_request", "content": {"uri": "/b"}}),
    ],
)
def test_pulse_rows_without_an_id_are_known_by_the_rest(one: Entry, other: Entry) -> None:
    assert ids([one], source="pulse") != ids([other], source="pulse")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"type": "request", "path": "/a"}, {"type": "request", "path": "/b"}),
        ({"type": "query", "query": "select 1"}, {"type": "query", "query": "select 2"}),
        ({"type": "log", "level": "error", "message": "a"}, {"type": "log", "level": "error", "message": "b"}),
        ({"type": "job", "job": "A"}, {"type": "job", "job": "B"}),
        ({"type": "X\\A", "stack_trace": [], "content": []}, {"type": "X\\B", "stack_trace": [], "content": []}),
        ({"type": "custom", "n": 1}, {"type": "custom", "n": 2}),
        ({"type": "query", "timestamp": 1757879329}, {"type": "query", "timestamp": 1757879330}),
        ({"type": "request", "content": {"duration": 1}}, {"type": "request", "content": {"duration": 2}}),
        ({"type": "request", "content": {"memory": 1}}, {"type": "request", "content": {"memory": 2}}),
        ({"type": "request", "content": {"ip_address": "a"}}, {"type": "request", "content": {"ip_address": "b"}}),
        ({"type": "batch", "content": {"id": 1}}, {"type": "batch", "content": {"id": 2}}),
    ],
)
def test_rows_are_known_by_what_the_sender_copied_into_them_too(one: Entry, other: Entry) -> None:
    assert ids([one]) != ids([other])


def test_an_id_of_the_senders_own_is_kept_under_sent() -> None:
    entries: list[Entry] = [{"entry_id": "theirs", "created_at": "2026-01-15 11:59:10"}, {"entry_id": 5}]
    understand(entries, Offset(NOW))
    identify("shop", "telescope", entries)
    assert entries[0]["sent"] == {"created_at": "2026-01-15 11:59:10", "entry_id": "theirs"}
    assert entries[1]["sent"] == {"entry_id": 5}


def test_ids_are_what_they_were() -> None:
    """They are stored: a change here would make every row of the last five minutes a new one."""
    assert ids([query(), query()]) == ["56a0a2934cf8bd99879ee210", "3f0ca8f57f649cec75a38179"]
