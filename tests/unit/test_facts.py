"""The facts of an entry, type by type."""

import json
from typing import Any

import pytest
from bson.int64 import Int64

from receiver.intake.facts import FACTS, facts_of
from receiver.intake.values import milliseconds, parts_of, path_of, whole
from tests.support import sample

TELESCOPE = [
    (
        {
            "type": "request",
            "content": {
                "method": "GET",
                "uri": "/api/x?page=2",
                "response_status": 200,
                "duration": 12,
                "controller_action": "C@m",
                "user": {"id": 7, "email": "a@b"},
            },
        },
        {"method": "GET", "path": "/api/x", "status": 200, "duration_ms": 12.0, "action": "C@m", "user_id": "7"},
    ),
    ({"type": "request", "content": {}, "method": "PUT", "path": "/y", "status": "404", "duration": None},
     {"method": "PUT", "path": "/y", "status": 404}),
    (
        {
            "type": "query",
            "content": {"sql": "s", "time": "1,012.34", "slow": True, "hash": "h", "line": "7", "file": "/a"},
        },
        {"sql": "s", "sql_hash": "h", "duration_ms": 1012.34, "slow": True, "file": "/a", "line": 7},
    ),
    (
        {"type": "query", "content": {"sql": "select 1"}},
        {"sql": "select 1", "sql_hash": "95adb6e77a0884d9e50232cb8c5c969d"},
    ),
    (
        {"type": "exception", "content": {"class": "E", "message": "m", "file": "/a", "line": 3}},
        {"class": "E", "message": "m", "file": "/a", "line": 3},
    ),
    ({"type": "exception", "sent": {"type": "App\\Boom"}, "message": "m"}, {"class": "App\\Boom", "message": "m"}),
    ({"type": "log", "content": {"level": "error", "message": "x" * 2000}}, {"level": "error", "message": "x" * 1000}),
    ({"type": "job", "content": {"name": "J", "queue": "q", "status": "failed", "tries": 3}},
     {"name": "J", "queue": "q", "status": "failed", "tries": 3}),
    ({"type": "cache", "content": {"type": "hit", "key": "k"}}, {"result": "hit", "key": "k"}),
    ({"type": "redis", "content": {"command": "auth secret", "time": 0.5}}, {"command": "auth", "duration_ms": 0.5}),
    (
        {"type": "client_request", "content": {"method": "POST", "uri": "https://u:p@h:1/x?y", "response_status": 500}},
        {"method": "POST", "host": "h:1", "path": "/x", "status": 500},
    ),
    ({"type": "command", "content": {"command": "list", "exit_code": 0}}, {"command": "list", "exit_code": 0}),
    ({"type": "mail", "content": {"mailable": "M", "to": {"a@b": ""}}}, {"mailable": "M", "queued": False}),
    ({"type": "event", "content": {"name": "E"}}, {"name": "E"}),
    ({"type": "unheard of", "content": {"name": "E"}}, {}),
    ({"type": "request", "content": "text"}, {}),
    ({"type": None}, {}),
    ({}, {}),
]  # fmt: skip

PULSE = [
    (
        {"type": "slow_request", "key": '["GET","\\/api\\/x","App\\\\C@m"]', "value": 2118},
        {"method": "GET", "path": "/api/x", "action": "App\\C@m", "duration_ms": 2118.0},
    ),
    ({"type": "slow_request", "key": "broken [", "value": None}, {"method": "broken ["}),
    ({"type": "slow_query", "key": '["select 1","app/a.php:7"]', "value": 1000},
     {"sql": "select 1", "location": "app/a.php:7", "duration_ms": 1000.0}),
    ({"type": "slow_job", "key": "App\\J", "value": 9}, {"class": "App\\J", "duration_ms": 9.0}),
    ({"type": "slow_outgoing_request", "key": ["GET", "h/x"], "value": 9},
     {"method": "GET", "path": "h/x", "duration_ms": 9.0}),
    ({"type": "exception", "key": '["E","app/X.php:3"]', "value": 1}, {"class": "E", "location": "app/X.php:3"}),
    ({"type": "cache_hit", "key": "k", "value": None}, {"key": "k"}),
    ({"type": "user_request", "key": "5", "value": None}, {"user_id": "5"}),
    ({"type": "user_request", "key": 5}, {"user_id": "5"}),
    ({"type": None, "key": {"odd": 1}}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "facts"), TELESCOPE, ids=lambda value: str(value.get("type", "")))
def test_telescope(entry: dict[str, Any], facts: dict[str, Any]) -> None:
    assert facts_of("telescope", entry) == facts


@pytest.mark.parametrize(("entry", "facts"), PULSE, ids=lambda value: str(value.get("type", "")))
def test_pulse(entry: dict[str, Any], facts: dict[str, Any]) -> None:
    assert facts_of("pulse", entry) == facts


@pytest.mark.parametrize("source", FACTS)
@pytest.mark.parametrize("value", [None, 0, -1, True, "", "x", [], {}, [1], {"a": 1}, 10**20, "9" * 400], ids=repr)
def test_nothing_odd_breaks_them(source: str, value: object) -> None:
    names = (
        "method uri response_status duration controller_action user sql time hash slow line class message level name"
        " queue status tries type key command exit_code"
    )
    content = dict.fromkeys(names.split(), value)
    for kind in [*FACTS[source], "unheard of"]:
        facts = facts_of(
            source, {"type": kind, "content": content, "key": value, "value": value, "sent": {"type": "x"}}
        )
        json.dumps(facts)
        assert all(isinstance(fact, float) for name, fact in facts.items() if name == "duration_ms")


@pytest.mark.parametrize(
    ("value", "number"),
    [("12.34", 12.34), (5, 5.0), (5.5, 5.5), ("1,234.5", 1234.5), (None, None), ("nan", None), ("inf", None),
     (-1, None), ("x", None), (True, None), ([], None), (10**400, None)],
    ids=repr,
)  # fmt: skip
def test_milliseconds(value: object, number: float | None) -> None:
    assert milliseconds(value) == number


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5), ("5", 5), ("5.5", None), ("\u0665", None), (None, None), (True, None), (5.0, None)]
)
def test_whole(value: object, number: int | None) -> None:
    assert whole(value) == number


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/a?b", "/a"),
        ("https://h/a?b", "/a"),
        ("https://h", "/"),
        ("http://[broken", "http://[broken"),
        ("", "/"),
        (5, None),
    ],
)
def test_path_of(uri: object, path: str | None) -> None:
    assert path_of(uri) == path


def test_parts_of() -> None:
    assert parts_of('["a"]', 2) == ["a", None]
    assert parts_of("[broken", 2) == ["[broken", None]
    assert parts_of(None, 1) == [None]


def test_the_samples_exceptions_have_their_classes() -> None:
    rows = json.loads(sample("sender-busy"))["telescope"]["recent_entries_data"]
    entry = next(row for row in rows if "stack_trace" in row)
    assert facts_of("telescope", {**entry, "type": "exception"})["class"] == "Illuminate\\Database\\QueryException"


@pytest.mark.parametrize("number", [3_000_000_000, Int64(3_000_000_000)], ids=["int", "Int64"])
def test_a_document_that_was_read_back_has_the_same_facts(number: int) -> None:
    content = {"duration": number, "response_status": number, "user": {"id": number}}
    facts = facts_of("telescope", {"type": "request", "content": content})
    assert facts == {"duration_ms": 3e9, "status": 3_000_000_000, "user_id": "3000000000"}
    assert type(facts["status"]) is int
