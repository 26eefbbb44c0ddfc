"""The stored document."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions

from receiver.errors import ErrorCode, Refusal
from receiver.intake.document import Arrival, Snapshot, build_snapshot, snapshot_id
from receiver.intake.notes import MOST_PLACES
from receiver.intake.redact import Redaction
from receiver.intake.repair import DEEPEST_LEVEL
from schemas.settings import REDACT_KEYS
from schemas.snapshot import SnapshotSchema
from tests.support import payload

TIMESTAMP = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
ARRIVAL = Arrival(
    snapshot_id="an-id",
    system="laravel_app",
    received_at=TIMESTAMP + timedelta(seconds=2),
    bytes=1234,
    token="shop",
    depth=4,
)


def build(value: dict[str, Any], **arrival: Any) -> Snapshot:
    """Build a snapshot from a payload."""
    loaded: Any = SnapshotSchema().load(value)
    return build_snapshot(loaded, replace(ARRIVAL, **arrival), Redaction(REDACT_KEYS))


def stored(value: dict[str, Any], **arrival: Any) -> dict[str, Any]:
    """Return the document that a payload is stored as."""
    raw = build(value, **arrival).encoded.raw
    document: dict[str, Any] = bson.decode(raw, CodecOptions(tz_aware=True))
    return document


def test_the_document_has_the_guides_names_and_a_receipt() -> None:
    document = stored(payload())
    assert list(document) == [
        "_id",
        "system",
        "timestamp",
        "received_at",
        "telescope",
        "pulse",
        "server_info",
        "receipt",
    ]
    assert document["timestamp"] == TIMESTAMP
    assert document["receipt"] == {
        "schema_version": 1,
        "bytes": 1234,
        "utc_offset_minutes": None,
        "decoded": 0,
        "trimmed": [],
        "redacted": [],
        "repaired": [],
        "late": False,
        "clock_skew_seconds": -2.0,
        "token": "shop",
    }


def test_unknown_fields_are_kept_and_names_of_ours_go_under_sent() -> None:
    document = stored(payload(deploy="v3", **{"a.b": 1, "_id": 7, "receipt": "x", "sent": "y", "received_at": "z"}))
    assert (document["deploy"], document["a.b"], document["_id"]) == ("v3", 1, "an-id")
    assert document["sent"] == {"_id": 7, "received_at": "z", "receipt": "x", "sent": "y"}


def test_the_tokens_system_wins_and_the_bodys_is_kept() -> None:
    document = stored(payload(), system="shop")
    assert (document["system"], document["sent"]) == ("shop", {"system": "laravel_app"})


@pytest.mark.parametrize(("seconds", "late"), [(-3600, False), (0, False), (300, False), (301, True)])
def test_late_is_older_than_the_window(seconds: int, late: bool) -> None:
    receipt = stored(payload(), received_at=TIMESTAMP + timedelta(seconds=seconds))["receipt"]
    assert (receipt["late"], receipt["clock_skew_seconds"]) == (late, float(-seconds))


def test_a_clock_in_2099_does_not_pass_for_the_latest_news() -> None:
    sighting = build(payload(timestamp="2099-01-01T00:00:00Z")).sighting
    assert sighting.timestamp == ARRIVAL.received_at + timedelta(minutes=5)


def test_the_id_is_a_digest_of_the_body_and_of_the_tokens_system() -> None:
    assert snapshot_id(b"a", None) == snapshot_id(b"a", None)
    ids = {snapshot_id(b"a", None), snapshot_id(b"b", None), snapshot_id(b"a", "x"), snapshot_id(b"a", "y")}
    assert len(ids) == 4


def test_what_bson_cannot_hold_is_repaired_and_noted() -> None:
    rows = [{"type": "job", "content": {"\0*\0p": 1, "n": 2**63, "s": "a\ud800", "ok": -(2**63)}}]
    document = stored(payload(telescope={"recent_entries_data": rows}))
    content = document["telescope"]["recent_entries_data"][0]["content"]
    assert content == {"␀*␀p": 1, "n": "9223372036854775808", "s": "a\ufffd", "ok": -(2**63)}
    place = "telescope.recent_entries_data.content"
    assert document["receipt"]["repaired"] == [
        {"path": place, "fault": "nul_in_key", "count": 1},
        {"path": f"{place}.n", "fault": "integer_beyond_64_bits", "count": 1},
        {"path": f"{place}.s", "fault": "lone_surrogate", "count": 1},
    ]


def test_two_keys_that_are_repaired_to_the_same_stay_two() -> None:
    document = stored(payload(x={"\0": 1, "␀": 2, "␀_1": 3, **{chr(0xD800 + n): 4 + n for n in range(3)}}))
    assert document["x"] == {"␀_2": 1, "␀": 2, "␀_1": 3, "\ufffd": 4, "\ufffd_1": 5, "\ufffd_2": 6}


def test_a_repaired_version_reaches_the_system() -> None:
    assert build(payload(server_info={"php_version": "8\ud800"})).sighting.php_version == "8\ufffd"


def test_deep_nesting_is_folded_to_json() -> None:
    deep: Any = "bottom"
    for _ in range(300):
        deep = {"a": deep}
    document = stored(payload(x=deep), depth=301)
    value, levels = document["x"], 1
    while isinstance(value, dict):
        value, levels = value["a"], levels + 1
    assert levels == DEEPEST_LEVEL
    assert value == '{"a":' * 201 + '"bottom"' + "}" * 201
    assert document["receipt"]["repaired"][0]["fault"] == "folded_to_json"


def test_notes_are_bounded() -> None:
    many = {f"n{number}": [2**64, 2**64] for number in range(MOST_PLACES + 7)}
    notes = stored(payload(**many))["receipt"]["repaired"]
    assert len(notes) == MOST_PLACES + 1
    assert notes[0] == {"path": "n0", "fault": "integer_beyond_64_bits", "count": 2}
    assert notes[-1] == {"path": "", "fault": "others", "count": 14}


def test_sections_that_disagree_on_the_offset_are_each_right() -> None:
    jakarta = {"recent_entries_data": [{"type": "query", "created_at": "2026-01-15 17:28:00"}]}
    utc = {"recent_entries_data": [{"type": "cache_hit", "created_at": "2026-01-15 10:27:00"}]}
    document = stored(payload(telescope=jakarta, pulse=utc))
    moments = [document[source]["recent_entries_data"][0]["created_at"] for source in ("telescope", "pulse")]
    assert moments == [TIMESTAMP - timedelta(minutes=2), TIMESTAMP - timedelta(minutes=3)]
    assert document["receipt"]["utc_offset_minutes"] == 420


def test_pulses_epochs_say_nothing_of_the_offset() -> None:
    pulse = {"recent_entries_data": [{"id": 1, "timestamp": int(TIMESTAMP.timestamp()) - 60, "type": "cache_hit"}]}
    document = stored(payload(pulse=pulse))
    assert document["receipt"]["utc_offset_minutes"] is None
    assert document["pulse"]["recent_entries_data"][0]["created_at"] == TIMESTAMP - timedelta(minutes=1)


MIB = 1024 * 1024


def test_a_document_past_mongodbs_limit_loses_its_largest_parts_first() -> None:
    rows = [
        {"type": "log", "content": {"message": f"m{n}", "context": "x" * size}} for n, size in ((0, 5), (1, 9), (2, 7))
    ]
    for row in rows:
        row["content"]["context"] *= MIB
    document = stored(payload(telescope={"recent_entries_data": rows}))
    contents = [entry["content"] for entry in document["telescope"]["recent_entries_data"]]
    assert [content["message"] for content in contents] == ["m0", "m1", "m2"]
    assert contents[1]["context"] == {"trimmed_bytes": 9 * MIB + 2}
    assert [len(contents[n]["context"]) for n in (0, 2)] == [5 * MIB, 7 * MIB]
    path = "telescope.recent_entries_data.1.content.context"
    assert document["receipt"]["trimmed"] == [{"path": path, "bytes": 9 * MIB + 2, "reason": "too_large"}]


@pytest.mark.parametrize(
    "value",
    [
        {"x": "x" * 20 * MIB},
        {"server_info": {"x": ["x" * 1000] * 20_000}},
        {"telescope": {"x": "x" * 20 * MIB}},
        {"telescope": {"recent_entries_data": [{"content": "x" * 20 * MIB}]}},
        {"pulse": {"recent_entries_data": [{"key": "x" * 20 * MIB}]}},
        {"telescope": {"recent_entries_data": [{"stack_trace": ["x" * 2000] * 100}] * 100}},
    ],
    ids=lambda value: "-".join(value),
)
def test_wherever_the_bytes_are_they_are_left_out(value: dict[str, Any]) -> None:
    document = stored(payload(**value))
    assert document["receipt"]["trimmed"]


def test_a_long_key_does_not_come_back_in_the_receipt() -> None:
    document = stored(payload(**{"k" * 9 * MIB: "x" * 9 * MIB}))
    assert len(document["receipt"]["trimmed"][0]["path"]) == 200


def test_redaction_reaches_what_is_unknown_and_spares_what_is_ours() -> None:
    extras = {"env": {"DB_PASSWORD": "p"}, "server_info": {"app_secret": "s", "php_version": "8"}}
    rows = [{"type": "log", "batch_id": "b", "token": "t", "created_at": "2026-01-15T10:29:00Z"}]
    section = {"recent_entries_data": rows, "entry_types": {"token": 3}, "license_secret": "l"}
    document = stored(payload(telescope=section, **extras))
    assert document["env"] == {"DB_PASSWORD": "[redacted]"}
    assert document["server_info"] == {"app_secret": "[redacted]", "php_version": "8"}
    assert document["telescope"]["license_secret"] == "[redacted]"
    assert document["telescope"]["entry_types"] == {"token": 3}
    (entry,) = document["telescope"]["recent_entries_data"]
    assert (entry["token"], entry["batch_id"], entry["type"]) == ("[redacted]", "b", "log")


def test_no_pattern_reaches_our_own_names() -> None:
    loaded: Any = SnapshotSchema().load(
        payload(telescope={"recent_entries_data": [{"created_at": "2026-01-15T10:29:00Z"}]})
    )
    snapshot = build_snapshot(loaded, ARRIVAL, Redaction(["*"]))
    document = bson.decode(snapshot.encoded.raw)
    (entry,) = document["telescope"]["recent_entries_data"]
    assert isinstance(entry["created_at"], datetime)
    assert entry["entry_id"] == snapshot.rows[0]["_id"] != "[redacted]"
    assert document["_id"] == "an-id"


def test_a_document_of_nothing_but_essentials_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        build(payload(telescope={"entry_types": {f"{n}{'x' * 40_000}": n for n in range(450)}}))
    assert caught.value.code is ErrorCode.PAYLOAD_TOO_LARGE
