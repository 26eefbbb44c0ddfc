"""What the addresses for reading answer: systems, snapshots, rates."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from tests.integration.test_pipelines import moment, row, snapshot
from tests.support import TOKEN, Receiver, eventually, sample
from tests.truth import MINUTE, NOON

Documents = Database[dict[str, Any]]

READING = ("/api/systems", "/api/snapshots", "/api/snapshots/0123", "/api/rates?system=laravel_app")


def get(receiver: Receiver, path: str, **parameters: Any) -> httpx.Response:
    """Get a path with the test token."""
    params = {name.rstrip("_"): value for name, value in parameters.items()}
    return receiver.client.get(receiver.address + path, params=params or None, headers={"x-api-token": TOKEN})


def data(receiver: Receiver, path: str, **parameters: Any) -> Any:
    """Get the data of a path."""
    answer = get(receiver, path, **parameters)
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    return answer.json()["data"]


def pages(receiver: Receiver, path: str, **parameters: Any) -> Iterator[list[Any]]:
    """Get all pages of a path."""
    cursor = None
    for _ in range(100):
        answer = get(receiver, path, **parameters, **({"cursor": cursor} if cursor else {})).json()
        yield answer["data"]
        cursor = answer["next"]
        if cursor is None:
            return
    pytest.fail("the pages have no end")


@pytest.mark.parametrize("path", READING)
def test_who_may_read(receiver: Receiver, path: str) -> None:
    address = receiver.address + path
    assert receiver.client.get(address).json()["error_code"] == "MISSING_TOKEN"
    assert receiver.client.get(address, headers={"x-api-token": "x"}).json()["error_code"] == "INVALID_TOKEN"
    assert receiver.client.post(address, headers={"x-api-token": TOKEN}).json()["error_code"] == "METHOD_NOT_ALLOWED"
    bearer = receiver.client.get(address, headers={"authorization": f"Bearer {TOKEN}"})
    assert bearer.status_code == (404 if "0123" in path else 200)


def test_a_token_that_may_only_post_may_not_read(mongo_uri: str, database: Documents, tmp_path: Any) -> None:
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of "test"
    lines = f'[[tokens]]\nname = "app"\nsha256 = "{digest}"\nroles = ["ingest"]\n'
    (tmp_path / "receiver.toml").write_text(lines)
    settings = {
        "RECEIVER_MONGODB_URI": mongo_uri,
        "RECEIVER_DATABASE": database.name,
        "RECEIVER_CONFIG": "receiver.toml",
    }
    with Receiver(tmp_path, **settings) as running:
        for path in READING:
            answer = running.client.get(running.address + path, headers={"x-api-token": "test"})
            assert (answer.status_code, answer.json()["error_code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("/api/systems", "limit", "0"),
        ("/api/systems", "limit", "201"),
        ("/api/systems", "limit", "many"),
        ("/api/systems", "cursor", "%%%"),
        ("/api/systems", "cursor", "MTIz"),
        ("/api/systems", "sytem", "x"),
        ("/api/snapshots", "from", "yesterday"),
        ("/api/snapshots", "from", "1999-12-31T23:59:59Z"),
        ("/api/snapshots", "to", "2101-01-01"),
        ("/api/snapshots", "type", ""),
        ("/api/snapshots", "system", "x" * 201),
        ("/api/snapshots", "limit", "1.5"),
        ("/api/snapshots", "cursor", "WyIyMDI2LTAxLTE1VDEyOjAwOjAwIiwwXQ"),  # a moment without a zone
        ("/api/snapshots", "cursor", "WyIyMDI2LTAxLTE1VDEyOjAwOjAwWiIsLTFd"),  # skip -1
        ("/api/rates", "step", "2m"),
        ("/api/rates", "limit", "2001"),
        ("/api/rates", "cursor", "bnVsbA"),
        ("/api/rates", "system", ""),
        ("/api/rates", "cursor", "Ijk5OTktMTItMzFUMjM6NTk6NTlaIg"),  # the year 9999
        ("/api/snapshots", "cursor", "WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwwXQ"),  # the year 1
        ("/api/systems", "cursor", ""),
    ],
)
def test_a_parameter_that_is_off_is_named(receiver: Receiver, path: str, field: str, value: str) -> None:
    parameters = {"system": "x"} if path == "/api/rates" else {}
    answer = get(receiver, path, **(parameters | {field: value}))
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_DATA")
    assert list(answer.json()["errors"]) == [field]
    assert field in answer.json()["message"]


@pytest.mark.parametrize("path", ["/api/systems?limit=1&limit=2", "/api/rates?system=a&system=b"])
def test_a_parameter_that_is_repeated(receiver: Receiver, path: str) -> None:
    answer = receiver.client.get(receiver.address + path, headers={"x-api-token": TOKEN})
    (messages,) = answer.json()["errors"].values()
    assert (answer.status_code, messages) == (400, ["Given more than once."])


def test_what_is_not_known_is_null_in_any_step(receiver: Receiver, database: Documents) -> None:
    receiver.post(snapshot(0, telescope=[]))
    receiver.post(snapshot(10, {"request": 5}))
    eventually(lambda: database["rates"].count_documents({"snapshots": 1}) == 2)
    for step in ("1m", "5m"):
        span = {"from_": moment(0).isoformat(), "to": moment(1).isoformat()}
        (point,) = data(receiver, "/api/rates", system="laravel_app", step=step, **span)
        assert set(point["headline"].values()) == set(point["peak"].values()) == {None}
        assert point["basis"] == {"requests": [], "exceptions": [], "queries": []}
        assert point["complete"] == {"telescope": 0, "pulse": 0}
    told = data(receiver, "/api/rates", system="laravel_app", from_=moment(8).isoformat(), to=moment(9).isoformat())
    stepped = data(
        receiver, "/api/rates", system="laravel_app", step="5m", from_=moment(8).isoformat(), to=moment(9).isoformat()
    )
    assert [{**told[0], "minute": None}] == [{**stepped[0], "minute": None}]


def test_a_burst_is_told_once_in_steps(receiver: Receiver, database: Documents) -> None:
    for minute in range(60):
        count = 100 if 20 <= minute < 25 else 0
        receiver.post(snapshot(minute + 0.5, {"exception": count, "log": 200}))
    eventually(lambda: database["rates"].count_documents({"snapshots": 1}) == 60)
    eventually(lambda: database["rates"].count_documents({"headline.exceptions_per_minute": 20.0}) == 4)
    span = {"from_": moment(0).isoformat(), "to": moment(60).isoformat()}

    def told(step: str) -> list[float]:
        points = data(receiver, "/api/rates", system="laravel_app", step=step, **span)
        return [point["headline"]["exceptions_per_minute"] for point in points]

    assert told("1m")[20:26] == [100.0, 20.0, 20.0, 20.0, 20.0, 0.0]
    assert told("5m") == [20.0 if number == 4 else 0.0 for number in range(12)]
    assert told("1h") == [pytest.approx(100 / 60)]


def test_what_looks_like_a_reference_is_answered_as_it_was_sent(receiver: Receiver) -> None:
    reference = {"$ref": "c", "$id": "1"}
    posted = snapshot(0, rows=[row(0, payload=reference)], server_info={"extra": reference}, extra=reference)
    snapshot_id = receiver.post(posted).json()["snapshot_id"]
    assert len(data(receiver, "/api/snapshots")) == 1
    found = data(receiver, f"/api/snapshots/{snapshot_id}")
    assert found["server_info"]["extra"] == found["extra"] == reference
    assert found["telescope"]["recent_entries_data"][0]["content"]["payload"] == reference


def test_a_page_of_huge_texts_ends_early(receiver: Receiver) -> None:
    posts = [snapshot(n, telescope={"error": "x" * 3_000_000}) for n in range(4)]
    ids = [receiver.post(post).json()["snapshot_id"] for post in posts]
    found = list(pages(receiver, "/api/snapshots"))
    assert [len(page) for page in found] == [2, 2]
    assert [one["_id"] for page in found for one in page] == ids[::-1]


def test_rates_are_of_one_system(receiver: Receiver) -> None:
    answer = get(receiver, "/api/rates").json()
    assert answer["errors"] == {"system": ["Missing data for required field."]}


@pytest.mark.parametrize("path", ["/api/snapshots", "/api/rates?system=x"])
def test_a_span_that_ends_before_it_begins(receiver: Receiver, path: str) -> None:
    answer = receiver.client.get(
        f"{receiver.address}{path}{'&' if '?' in path else '?'}from=2026-01-02&to=2026-01-01",
        headers={"x-api-token": TOKEN},
    )
    assert answer.json()["errors"] == {"to": ["Must be after from."]}


@pytest.mark.parametrize("written", ["2026-01-15T12:00:00Z", "2026-01-15T19:00:00+07:00", "2026-01-15T12:00:00.000"])
def test_moments_in_any_zone_and_with_a_bare_plus(receiver: Receiver, written: str) -> None:
    receiver.post(snapshot(0))
    query = f"{receiver.address}/api/snapshots?from={written}"
    found = receiver.client.get(query, headers={"x-api-token": TOKEN}).json()["data"]
    assert [one["timestamp"] for one in found] == ["2026-01-15T12:00:00Z"]


def test_every_system_at_a_glance(receiver: Receiver, database: Documents) -> None:
    now = datetime.now(UTC)
    for system, minutes in (("shop", (0, 1, 3, 4)), ("asleep", (30,))):
        for minute in minutes:
            taken = (now - timedelta(minutes=minute)).isoformat()
            receiver.post({**snapshot(0, {"request": 10}), "system": system, "timestamp": taken})
    database["systems"].update_one({"_id": "asleep"}, {"$set": {"last_seen_at": now - timedelta(minutes=11)}})
    eventually(lambda: database["rates"].count_documents({"snapshots": 1}) == 5)
    asleep, shop = data(receiver, "/api/systems")
    assert (asleep["system"], asleep["state"], asleep["cadence_seconds"]) == ("asleep", "silent", None)
    assert (shop["system"], shop["state"], shop["cadence_seconds"]) == ("shop", "reporting", 60.0)
    assert shop["rates"]["headline"]["requests_per_minute"] == 2.0
    assert (shop["php_version"], shop["laravel_version"]) == ("8.2.0", "10.0.0")


def test_a_system_that_posts_seldom_is_not_silent_at_once(receiver: Receiver, database: Documents) -> None:
    for minute in (0, 60, 120):
        receiver.post(snapshot(minute))
    seen = {"last_seen_at": datetime.now(UTC) - timedelta(minutes=150)}
    database["systems"].update_one({"_id": "laravel_app"}, {"$set": seen})
    (found,) = data(receiver, "/api/systems")
    assert (found["state"], found["cadence_seconds"]) == ("reporting", 3600.0)


def test_one_timestamp_in_2099_does_not_hide_the_latest_rates(receiver: Receiver, database: Documents) -> None:
    receiver.post(snapshot(0, {"request": 10}, timestamp=datetime.now(UTC).isoformat()))
    receiver.post(snapshot(0, {"request": 500}, timestamp="2099-01-01T00:00:00Z"))
    eventually(lambda: database["rates"].count_documents({"snapshots": 1}) == 2)
    (found,) = data(receiver, "/api/systems")
    assert found["rates"]["headline"]["requests_per_minute"] == 2.0


def test_systems_come_in_pages(receiver: Receiver) -> None:
    names = [f"system {number}" for number in range(5)]
    for name in names:
        receiver.post({**snapshot(0), "system": name})
    found = [[one["system"] for one in page] for page in pages(receiver, "/api/systems", limit=2)]
    assert found == [names[:2], names[2:4], names[4:]]


def test_snapshots_newest_first_without_their_rows(receiver: Receiver) -> None:
    ids = [receiver.post(snapshot(n, {"request": n}, [row(n)])).json()["snapshot_id"] for n in range(3)]
    found = data(receiver, "/api/snapshots")
    assert [one["_id"] for one in found] == ids[::-1]
    assert found[0]["telescope"] == {"entry_types": {"request": 2}}
    assert found[0]["server_info"]["php_version"] == "8.2.0"
    assert set(found[0]) == {
        *("_id", "system", "timestamp", "received_at", "telescope", "pulse", "server_info", "receipt"),
    }


def test_snapshots_by_system_time_and_type(receiver: Receiver) -> None:
    pulse = {
        "recent_entries_data": [{"id": 1, "timestamp": 1768478400, "type": "cache_hit", "key": "k", "value": None}]
    }
    receiver.post(snapshot(0, rows=[row(0, "query")]))
    receiver.post(snapshot(1, rows=[row(1, "request")], system="shop"))
    receiver.post(snapshot(2, pulse=pulse, system="shop"))

    def minutes(**parameters: Any) -> list[int]:
        found = data(receiver, "/api/snapshots", **parameters)
        return [(datetime.fromisoformat(one["timestamp"]) - NOON) // MINUTE for one in found]

    assert minutes(system="shop") == [2, 1]
    assert minutes(from_=moment(1).isoformat(), to=moment(2).isoformat()) == [1]
    assert minutes(type="query") == [0]
    assert minutes(type="cache_hit", system="shop") == [2]
    assert minutes(type="cache_hit", system="laravel_app") == []
    assert minutes(system="$where") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_of_snapshots_leave_nothing_out_and_repeat_nothing(receiver: Receiver, limit: int) -> None:
    # Five of one moment, so that a page ends among them.
    posts = [snapshot(minute, n=n) for minute, n in itertools.product((0, 1, 2), range(5)) if minute == 1 or n == 0]
    ids = {receiver.post(post).json()["snapshot_id"] for post in posts}
    found = list(pages(receiver, "/api/snapshots", limit=limit, system="laravel_app"))
    assert all(len(page) <= limit for page in found)
    flat = [one["_id"] for page in found for one in page]
    assert len(flat) == len(set(flat)) == 7
    assert set(flat) == ids


def test_one_snapshot_whole(receiver: Receiver, database: Documents) -> None:
    snapshot_id = receiver.post(sample("sender-busy")).json()["snapshot_id"]
    found = data(receiver, f"/api/snapshots/{snapshot_id}")
    stored = database["snapshots"].find_one({"_id": snapshot_id})
    assert stored
    assert found["telescope"]["recent_entries_data"][0]["content"]["uri"] == "/api/users/0"
    assert len(found["telescope"]["recent_entries_data"]) == 50
    assert found["receipt"]["bytes"] == stored["receipt"]["bytes"]
    assert list(found) == list(stored)


def test_integers_of_any_size_come_back(receiver: Receiver) -> None:
    snapshot_id = receiver.post(snapshot(0, {"request": 2**40}, [row(0, big=2**60)])).json()["snapshot_id"]
    found = data(receiver, f"/api/snapshots/{snapshot_id}")
    assert found["telescope"]["entry_types"] == {"request": 2**40}
    assert found["telescope"]["recent_entries_data"][0]["content"]["big"] == 2**60


@pytest.mark.parametrize("unknown", ["0" * 32, "x", "%00", "..%2f", "$ne", "x" * 1000])
def test_an_unknown_snapshot(receiver: Receiver, unknown: str) -> None:
    answer = get(receiver, f"/api/snapshots/{unknown}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")


def rolled_up(receiver: Receiver, database: Documents) -> None:
    """Post ten minutes of an application, and wait for their rates."""
    for minute in range(10):
        receiver.post(snapshot(minute, {"request": 5 * minute, "query": 100}, [row(minute - 0.5, duration=minute)]))
    eventually(lambda: database["rates"].count_documents({"snapshots": 1}) == 10)
    # The last to come tells of minutes that have a document already.
    eventually(lambda: database["rates"].count_documents({"response_time_ms.count": 1}) == 10)


def test_the_series_of_a_system(receiver: Receiver, database: Documents) -> None:
    rolled_up(receiver, database)
    points = data(receiver, "/api/rates", system="laravel_app", from_=moment(2).isoformat(), to=moment(5).isoformat())
    assert [point["minute"] for point in points] == [f"2026-01-15T12:0{minute}:00Z" for minute in (2, 3, 4)]
    assert points[2] == {
        "minute": "2026-01-15T12:04:00Z",
        "minutes": 1,
        "snapshots": 1,
        "headline": {"requests_per_minute": 5.0, "exceptions_per_minute": 0.0, "queries_per_minute": 20.0},
        "peak": {"requests_per_minute": 5.0, "exceptions_per_minute": 0.0, "queries_per_minute": 20.0},
        "basis": {"requests": ["growth"], "exceptions": ["average"], "queries": ["average"]},
        "complete": {"telescope": 0, "pulse": 0},
        "response_time_ms": {"count": 1, "avg": 5.0, "p95": 5.0, "max": 5.0},
        "memory_bytes": {"last": 1, "max": 1, "peak": 2},
    }


def test_the_series_in_steps(receiver: Receiver, database: Documents) -> None:
    rolled_up(receiver, database)
    span = {"from_": moment(0).isoformat(), "to": moment(10).isoformat()}
    first, second = data(receiver, "/api/rates", system="laravel_app", step="5m", **span)
    assert (first["minute"], first["minutes"], first["snapshots"]) == ("2026-01-15T12:00:00Z", 5, 5)
    # The windows / 5. The largest figure is their growth of 5 a minute, until the windows / 5 are larger.
    assert first["headline"]["requests_per_minute"] == (0 + 1 + 2 + 3 + 4) / 5
    assert second["headline"]["requests_per_minute"] == (5 + 6 + 7 + 8 + 9) / 5
    assert first["peak"]["requests_per_minute"] == 5.0
    assert second["peak"]["requests_per_minute"] == 9.0
    assert first["response_time_ms"] == {"count": 5, "avg": 3.0, "p95": 5.0, "max": 5.0}
    assert second["basis"]["queries"] == ["average"]


def test_the_last_hour_is_what_one_gets_without_asking(receiver: Receiver, database: Documents) -> None:
    now = datetime.now(UTC)
    for minutes in (0, 30, 90):
        receiver.post(snapshot(0, {"request": 10}, timestamp=(now - timedelta(minutes=minutes)).isoformat()))
    eventually(lambda: database["rates"].count_documents({"snapshots": 1}) == 3)
    points = data(receiver, "/api/rates", system="laravel_app")
    assert [point["snapshots"] for point in points if point["snapshots"]] == [1, 1]


def test_pages_of_the_series_skip_gaps(receiver: Receiver, database: Documents) -> None:
    for minute in (0, 60 * 24 * 100):
        receiver.post(snapshot(minute, {"request": 10}))
    eventually(lambda: database["rates"].count_documents({"snapshots": 1}) == 2)
    span = {"from_": "2026-01-01", "to": "2026-12-31"}
    found = list(pages(receiver, "/api/rates", system="laravel_app", limit=4, **span))
    assert [len(page) for page in found] == [4, 2, 4, 2]
    moments = [point["minute"] for page in found for point in page]
    assert moments == sorted(set(moments))
    assert len(moments) == 12


def test_a_document_that_lacks_what_a_receiver_writes_is_no_fault(receiver: Receiver, database: Documents) -> None:
    sections = dict.fromkeys(("telescope", "pulse"))
    whole = {"system": "x", "minute": NOON, "snapshots": 1, "inputs": 1, "updated_at": NOON, **sections, "headline": {}}
    database["rates"].insert_one({"_id": {"system": "x", "minute": NOON}, **whole})
    span = {"from_": moment(0).isoformat(), "to": moment(1).isoformat()}
    (point,) = data(receiver, "/api/rates", system="x", **span)
    assert (point["headline"], point["basis"], point["complete"]) == ({}, {}, {"telescope": 0, "pulse": 0})


def test_an_unknown_system_has_no_rates(receiver: Receiver) -> None:
    answer = get(receiver, "/api/rates", system="nobody").json()
    assert (answer["data"], answer["next"]) == ([], None)
