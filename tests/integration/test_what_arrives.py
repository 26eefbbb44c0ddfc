"""The sixteen facts about the sender, each on a payload that shows it, over a real server and a real MongoDB.

Source: DESIGN.md, section 3; the numbers are its.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from tests.support import TOKEN, Receiver, payload, sample

Documents = Database[dict[str, Any]]

NOW = "2026-01-15T12:00:00.000000Z"


def telescope(*rows: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a snapshot taken at noon with these rows of Telescope."""
    section = {"total_entries": 9, "recent_entries": len(rows), "entry_types": {}, "recent_entries_data": list(rows)}
    return payload(timestamp=NOW, telescope={**section, **fields})


def store(receiver: Receiver, database: Documents, body: bytes | dict[str, Any]) -> dict[str, Any]:
    """Post a snapshot and return its document."""
    answer = receiver.post(body)
    assert answer.status_code == 200, answer.text
    document = database["snapshots"].find_one({"_id": answer.json()["snapshot_id"]})
    assert document is not None
    return document


def entries(document: dict[str, Any], source: str = "telescope") -> list[dict[str, Any]]:
    """Return the entries of a section."""
    rows: list[dict[str, Any]] = document[source]["recent_entries_data"]
    return rows


def test_01_php_writes_an_empty_map_as_a_list(receiver: Receiver, database: Documents) -> None:
    document = store(receiver, database, sample("sender-idle"))
    assert document["telescope"]["entry_types"] == {}
    document = store(receiver, database, telescope({"content": []}, entry_types=[]))
    assert entries(document)[0]["content"] == {}
    document = store(receiver, database, payload(telescope=[], pulse=[], server_info=[]))
    assert (document["telescope"], document["pulse"], document["server_info"]) == ({}, {}, {})


def test_02_content_has_many_forms(receiver: Receiver, database: Documents) -> None:
    forms = [{"a": 1}, '{"a": 1}', [], None, 0, "plain", "{broken", 1.5, True]
    document = store(receiver, database, telescope(*({"type": "x", "content": form} for form in forms)))
    contents = [entry["content"] for entry in entries(document)]
    assert contents == [{"a": 1}, {"a": 1}, {}, None, 0, "plain", "{broken", 1.5, True]
    assert document["receipt"]["decoded"] == 1


def test_03_times_have_no_zone_and_pulse_has_epochs(receiver: Receiver, database: Documents) -> None:
    document = store(receiver, database, sample("sender-jakarta"))
    assert document["receipt"]["utc_offset_minutes"] == 420
    first = entries(document)[0]
    assert first["created_at"] == datetime(2026, 11, 22, 7, 8, 10, tzinfo=UTC)
    assert first["sent"]["created_at"] == "2026-11-22 14:08:10"
    slow = next(entry for entry in entries(document, "pulse") if entry["type"] == "slow_request")
    assert slow["created_at"] == datetime.fromtimestamp(slow["timestamp"], UTC)
    row = database["entries"].find_one({"_id": slow["entry_id"]})
    assert row is not None
    assert (row["method"], row["path"], row["duration_ms"]) == ("GET", "/api/x/2", 2118.0)


def test_04_an_exceptions_type_is_overwritten(receiver: Receiver, database: Documents) -> None:
    rows = [
        {"type": "Illuminate\\Database\\QueryException", "stack_trace": [], "content": {"message": "m"}},
        {"type": None, "stack_trace": []},
        {"type": "App\\Boom", "content": json.dumps({"class": "App\\Boom", "trace": []})},
    ]
    document = store(receiver, database, telescope(*rows, entry_types={"exception": 3}))
    assert [entry["type"] for entry in entries(document)] == ["exception"] * 3
    assert [entry["sent"]["type"] for entry in entries(document)] == [row["type"] for row in rows]
    classes = {row.get("class") for row in database["entries"].find({"type": "exception"})}
    assert classes == {"Illuminate\\Database\\QueryException", None, "App\\Boom"}


def test_05_a_section_may_be_only_an_error(receiver: Receiver, database: Documents) -> None:
    document = store(receiver, database, sample("sender-broken"))
    assert set(document["telescope"]) == {"error", "message"}
    assert document["telescope"]["error"] == "Failed to retrieve Telescope data"


def test_06_true_counts_are_kept_beside_the_capped_list(receiver: Receiver, database: Documents) -> None:
    counts = {"query": 40_000, "request": 900}
    document = store(receiver, database, telescope({"type": "query"}, entry_types=counts))
    assert document["telescope"]["entry_types"] == counts
    assert document["telescope"]["recent_entries"] == 1


def test_07_snapshots_overlap_come_late_and_twice(receiver: Receiver, database: Documents) -> None:
    row = {"type": "log", "created_at": "2026-01-15 11:58:00", "batch_id": "b", "content": {"message": "once"}}
    for minute in (2, 0, 1, 1):
        store(receiver, database, payload(**{**telescope(row), "timestamp": f"2026-01-15T12:0{minute}:00Z"}))
    assert database["snapshots"].count_documents({}) == 3
    assert database["entries"].count_documents({}) == 1
    assert {document["receipt"]["late"] for document in database["snapshots"].find()} == {True}


def test_08_rows_have_no_id_and_equal_ones_are_normal(receiver: Receiver, database: Documents) -> None:
    row = {"type": "query", "created_at": "2026-01-15 11:58:00", "batch_id": "b", "content": {"sql": "select 1"}}
    pulse = {
        "recent_entries_data": [{"id": 1, "timestamp": 1768478300, "type": "cache_hit", "key": "k", "value": None}]
    }
    store(receiver, database, {**telescope(*[row] * 5), "pulse": pulse})
    assert database["entries"].count_documents({"source": "telescope"}) == 5
    cleared = {"recent_entries_data": [{**pulse["recent_entries_data"][0], "timestamp": 1768478310}]}
    store(receiver, database, {**telescope(*[row] * 5, total_entries=2), "pulse": cleared})
    assert database["entries"].count_documents({"source": "telescope"}) == 5
    assert database["entries"].count_documents({"source": "pulse"}) == 2


def test_09_durations_are_of_many_types_and_totals_may_shrink(receiver: Receiver, database: Documents) -> None:
    durations: list[Any] = [12, 12.5, None, "12.50"]
    rows = [{"type": "request", "content": {"uri": f"/{n}", "duration": value}} for n, value in enumerate(durations)]
    rows.append({"type": "query", "content": {"sql": "select 1", "time": "12.34"}})
    store(receiver, database, telescope(*rows, total_entries=500))
    stored = {row.get("path", "query"): row.get("duration_ms") for row in database["entries"].find()}
    assert stored == {"/0": 12.0, "/1": 12.5, "/2": None, "/3": 12.5, "query": 12.34}
    assert store(receiver, database, telescope(total_entries=3))["telescope"]["total_entries"] == 3


def test_10_keys_and_values_that_bson_minds_or_does_not(receiver: Receiver, database: Documents) -> None:
    content = {
        "a.b": 1, "$set": 2, "with blank": 3, "a@b.c": 4, "41": 5, "": 6,
        "\0*\0p": 7, "big": 2**63, "least": -(2**63), "half": "\ud800",
    }  # fmt: skip
    document = store(receiver, database, telescope({"type": "dump", "content": content}))
    assert entries(document)[0]["content"] == {
        "a.b": 1, "$set": 2, "with blank": 3, "a@b.c": 4, "41": 5, "": 6,
        "␀*␀p": 7, "big": "9223372036854775808", "least": -(2**63), "half": "\ufffd",
    }  # fmt: skip
    faults = {note["fault"] for note in document["receipt"]["repaired"]}
    assert faults == {"nul_in_key", "integer_beyond_64_bits", "lone_surrogate"}


def test_11_deep_content_is_folded(receiver: Receiver, database: Documents) -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    document = store(receiver, database, telescope({"type": "dump", "content": {"deep": deep}}))
    value, levels = entries(document)[0]["content"]["deep"], 0
    while isinstance(value, list):
        value, levels = value[0], levels + 1
    assert isinstance(value, str)
    assert json.loads(value) == json.loads("[" * (400 - levels) + "1" + "]" * (400 - levels))
    assert document["receipt"]["repaired"][0]["fault"] == "folded_to_json"


@pytest.mark.parametrize(
    "payload_", [sample("sender-busy").decode(), json.loads(sample("sender-busy"))], ids=["str", "map"]
)
def test_12_the_senders_own_post_comes_back(receiver: Receiver, database: Documents, payload_: Any) -> None:
    content = {
        "method": "POST",
        "uri": "https://receiver.example/api/monitoring?x=1",
        "headers": {"x-api-token": TOKEN, "accept": "application/json"},
        "payload": payload_,
        "response_status": 200,
        "response": {"success": True, "message": f"posted with {TOKEN}"},
        "duration": 31,
    }
    other = {**content, "uri": "https://elsewhere.example/api", "headers": {"x": f"key {TOKEN}"}, "response": "kept"}
    rows = ({"type": "client_request", "content": content}, {"type": "client_request", "content": other})
    document = store(receiver, database, telescope(*rows))
    feedback, kept = (entry["content"] for entry in entries(document))
    assert set(feedback["payload"]) == set(feedback["response"]) == {"trimmed_bytes"}
    assert (feedback["uri"], feedback["response_status"], feedback["duration"]) == (content["uri"], 200, 31)
    assert [note["reason"] for note in document["receipt"]["trimmed"]] == ["feedback", "feedback"]
    assert (kept["payload"], kept["response"], kept["headers"]) == (payload_, "kept", {"x": "key [redacted]"})
    assert TOKEN not in str(document)
    assert TOKEN not in str(list(database["entries"].find()))
    assert TOKEN not in receiver.log.read_text()


def test_13_secrets_that_telescope_does_not_mask(receiver: Receiver, database: Documents) -> None:
    content = {
        "headers": {"Set-Cookie": ["s=1"], "AUTHORIZATION": "Bearer abc", "accept": "x"},
        "payload": {"user": [{"Password": "p", "password_confirmation": "********", "name": "n"}]},
    }
    document = store(receiver, database, telescope({"type": "request", "content": content}))
    assert entries(document)[0]["content"] == {
        "headers": {"Set-Cookie": "[redacted]", "AUTHORIZATION": "[redacted]", "accept": "x"},
        "payload": {"user": [{"Password": "[redacted]", "password_confirmation": "********", "name": "n"}]},
    }
    place = "telescope.recent_entries_data.content"
    assert document["receipt"]["redacted"] == [
        {"path": f"{place}.headers.Set-Cookie", "count": 1},
        {"path": f"{place}.headers.AUTHORIZATION", "count": 1},
        {"path": f"{place}.payload.user.Password", "count": 1},
    ]


def test_14_memory_is_the_sending_processes_and_hosts_are_in_contents(receiver: Receiver, database: Documents) -> None:
    document = store(receiver, database, sample("sender-busy"))
    assert document["server_info"]["memory_usage"] == 8388608
    assert entries(document)[0]["content"]["hostname"] == "ubuntu"


def test_15_figures_say_their_source(receiver: Receiver, database: Documents) -> None:
    store(receiver, database, sample("sender-busy"))
    sources = {(row["source"], row["type"]) for row in database["entries"].find({"type": "exception"})}
    assert sources == {("telescope", "exception"), ("pulse", "exception")}


def test_16_hours_may_pass_between_two_snapshots(receiver: Receiver, database: Documents) -> None:
    for timestamp in ("2026-01-15T03:00:00Z", "2026-01-15T12:00:00Z", "2026-01-15T12:01:15Z"):
        store(receiver, database, payload(timestamp=timestamp))
    system = database["systems"].find_one()
    assert system is not None
    assert system["last_timestamp"] == datetime(2026, 1, 15, 12, 1, 15, tzinfo=UTC)


def test_a_content_of_20_megabytes_is_left_out_and_answered_200(receiver: Receiver, database: Documents) -> None:
    content = {"uri": "/export", "method": "GET", "response": "x" * 20_000_000}
    document = store(receiver, database, telescope({"type": "request", "content": content}))
    assert entries(document)[0]["content"] == {
        "uri": "/export", "method": "GET", "response": {"trimmed_bytes": 20_000_002},
    }  # fmt: skip
    assert document["receipt"]["trimmed"][0]["reason"] == "too_large"
    row = database["entries"].find_one()
    assert row is not None
    assert row["path"] == "/export"
