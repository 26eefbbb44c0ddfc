"""The pipelines that make ``rates``, by hand arithmetic, and what they read, on a real MongoDB."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from receiver.clock import iso_utc
from receiver.intake.rollup import spans_told
from receiver.pipelines.catalogue import CATALOGUE, COOKBOOK, EXAMPLE, Recipe
from receiver.pipelines.rates import minutes, roll_up
from receiver.pipelines.series import series_in_steps
from receiver.pipelines.windows import windows
from receiver.store.layout import Retention
from tests.integration.test_storage import make
from tests.loading import load
from tests.support import payload
from tests.truth import MINUTE, NOON

Documents = Database[dict[str, Any]]
Payload = dict[str, Any]

HOUR = timedelta(hours=1)
# The server deletes what is old by its own clock, in the middle of a test too.
FOR_EVER = Retention(20_000, 20_000, 20_000)


def by_name(recipe: Recipe) -> str:
    """Name a test after its recipe."""
    return recipe.name


def moment(minute: float) -> datetime:
    """Return the moment so many minutes after noon."""
    return NOON + timedelta(minutes=minute)


def snapshot(minute: float, counts: Any = (), rows: list[Payload] | None = None, **changes: Any) -> Payload:
    """Return a snapshot of Telescope's counts, taken so many minutes after noon; Pulse's are not known."""
    section = {"entry_types": dict(counts) or [], "recent_entries_data": rows or []}
    return payload(**{"timestamp": iso_utc(moment(minute)), "telescope": section, "pulse": [], **changes})


def row(minute: float, kind: str = "request", **content: Any) -> Payload:
    """Return a row of Telescope's, recorded so many minutes after noon."""
    return {"type": kind, "created_at": iso_utc(moment(minute)), "batch_id": f"b{minute}", "content": content}


def rates_of(database: Documents, *payloads: Payload) -> dict[int, Payload]:
    """Store snapshots and return the documents of the two hours around noon, by minutes after noon."""
    load(database, payloads)
    found = database["snapshots"].aggregate(minutes("laravel_app", NOON - HOUR, NOON + HOUR))
    return {(one["minute"] - NOON) // MINUTE: one for one in found}


def figures(documents: dict[int, Payload], kind: str = "request") -> dict[int, tuple[Any, ...]]:
    """Return ``(per_minute, basis, window, average, growth, counted)`` of one type of Telescope's, by minute."""
    types = {minute: (one["telescope"] or {"types": {}})["types"] for minute, one in documents.items()}
    return {minute: tuple(found[kind].values()) for minute, found in types.items() if kind in found}


def test_the_example_of_the_design(database: Documents) -> None:
    found = rates_of(
        database,
        snapshot(0.1, {"exception": 1, "request": 60}),
        snapshot(1.1, {"exception": 9, "request": 60}, [row(1 + n / 100, "exception", n=n) for n in range(3)]),
    )
    assert figures(found, "exception")[1] == (8.0, "growth", 9, 1.8, 8.0, 3)
    assert found[1]["headline"]["exceptions_per_minute"] == 8.0
    assert found[1]["headline"]["basis"]["exceptions"] == "growth"
    assert found[1]["snapshots"] == 1


def test_growth_is_over_the_time_since_the_snapshot_before_but_a_minute_at_least(database: Documents) -> None:
    found = rates_of(
        database, snapshot(0, {"request": 2}), snapshot(0.5, {"request": 12}), snapshot(3, {"request": 62})
    )
    assert [figures(found)[minute][4] for minute in (0, 3)] == [10.0, 50 / 2.5]


def test_a_type_that_the_snapshot_before_lacks_grew_from_nothing(database: Documents) -> None:
    found = rates_of(
        database,
        snapshot(0, {"request": 7, "query": 100}),
        snapshot(1, {"query": 100}),
        snapshot(2, {"request": 4, "query": 100}),
    )
    assert figures(found)[2][4] == 4.0


def test_a_section_that_failed_is_nobodys_predecessor(database: Documents) -> None:
    found = rates_of(
        database,
        snapshot(0, {"request": 10}),
        snapshot(1, telescope={"error": "Failed", "message": "SQLSTATE", "entry_types": {"request": 900}}),
        snapshot(2, {"request": 30}),
    )
    assert figures(found)[2][4] == 20 / 2
    assert figures(found)[1] == (6.0, "average", 30, 6.0, None, 0)  # the next one's window covers it


def test_more_than_five_minutes_after_the_last_one_there_is_no_growth(database: Documents) -> None:
    found = rates_of(database, snapshot(0, {"request": 1}), snapshot(5.001, {"request": 50}))
    assert figures(found)[5] == (10.0, "average", 50, 10.0, None, 0)
    within = rates_of(database, snapshot(20, {"request": 1}), snapshot(25, {"request": 50}))
    assert figures(within)[25][4] == 49 / 5


def test_minutes_without_a_snapshot_have_the_average_of_the_next_and_a_gap_is_a_gap(database: Documents) -> None:
    found = rates_of(database, snapshot(0, {"request": 5}), snapshot(20, {"request": 10}))
    assert figures(found) == {
        **dict.fromkeys(range(-5, 1), (1.0, "average", 5, 1.0, None, 0)),
        **dict.fromkeys(range(15, 21), (2.0, "average", 10, 2.0, None, 0)),
    }
    assert {minute for minute in found if found[minute]["snapshots"]} == {0, 20}


def test_the_minute_of_a_snapshot_on_the_full_minute_is_its_own(database: Documents) -> None:
    found = rates_of(database, snapshot(0, {"request": 5}), snapshot(3, {"request": 50}))
    assert [figures(found)[minute][3] for minute in range(-1, 4)] == [1.0, 1.0, 10.0, 10.0, 10.0]
    assert figures(found)[0][2] == 5


def test_of_several_snapshots_in_a_minute_the_largest_figures_count(database: Documents) -> None:
    found = rates_of(
        database,
        snapshot(0.1, {"request": 40}),
        snapshot(0.5, {"request": 45}),
        snapshot(0.9, {"request": 15}),
    )
    assert figures(found)[0] == (9.0, "average", 45, 9.0, 5.0, 0)
    assert found[0]["snapshots"] == 3


def test_of_two_snapshots_of_the_same_moment_neither_grew_from_the_other(database: Documents) -> None:
    found = rates_of(
        database,
        snapshot(0, {"request": 5}),
        snapshot(1, {"request": 30}),
        snapshot(1, {"request": 20}),
        snapshot(2, {"request": 40}),
    )
    assert figures(found)[1][4] == 25.0
    assert figures(found)[2][4] == 10.0  # from the larger: no more than what is certain


def test_an_entry_at_the_full_minute_is_in_the_minute_that_begins(database: Documents) -> None:
    found = rates_of(database, snapshot(4, {"request": 3}, [row(1), row(1.5), row(2)]))
    assert {minute: one[5] for minute, one in figures(found).items()} == {-1: 0, 0: 0, 1: 2, 2: 1, 3: 0, 4: 0}


def test_a_complete_sample_is_exact_for_the_minutes_it_covers_wholly(database: Documents) -> None:
    found = rates_of(
        database, snapshot(0.5, {"request": 20}), snapshot(4.5, {"request": 3}, [row(1.2), row(1.4), row(3)])
    )
    complete = {minute: one["telescope"]["complete"] for minute, one in found.items() if one["telescope"]}
    assert [minute for minute, is_complete in complete.items() if is_complete] == [0, 1, 2, 3]
    assert figures(found)[1] == (2.0, "counted", 3, 0.6, None, 2)
    assert figures(found)[2] == (0.0, "counted", 3, 0.6, None, 0)
    assert found[2]["headline"]["basis"]["queries"] == "counted"


def test_a_sample_of_which_a_row_has_no_moment_is_not_complete(database: Documents) -> None:
    undated = {**row(1.4), "created_at": "yesterday"}
    found = rates_of(database, snapshot(4.5, {"request": 2}, [row(1.2), undated]))
    assert not any(one["telescope"]["complete"] for one in found.values())
    assert figures(found)[1] == (1.0, "counted", 2, 0.4, None, 1)


def test_an_application_where_nothing_happens_is_known_to_be_idle(database: Documents) -> None:
    found = rates_of(database, snapshot(5))
    assert found[2]["telescope"] == {"complete": True, "types": {}}
    assert found[2]["headline"]["requests_per_minute"] == 0.0
    assert found[2]["headline"]["basis"]["requests"] == "counted"


@pytest.mark.parametrize("telescope", [[], {"error": "Failed", "message": "SQLSTATE"}, {"entry_types": None}], ids=str)
def test_what_a_section_does_not_tell_is_unknown_and_not_zero(database: Documents, telescope: Any) -> None:
    found = rates_of(database, snapshot(5, telescope=telescope))
    assert list(found) == [5]
    assert found[5]["telescope"] is None
    headline = found[5]["headline"]
    assert {headline[f"{name}_per_minute"] for name in headline["basis"]} == {None}
    assert found[5]["memory_bytes"] == {"last": 1, "max": 1, "peak": 2}


def test_exceptions_are_the_larger_of_the_two_sources(database: Documents) -> None:
    pulse = {"entry_types": {"exception": 40, "cache_hit": 5}, "recent_entries_data": []}
    found = rates_of(database, snapshot(0, {"exception": 10}, pulse=pulse), snapshot(10, {"exception": 10}))
    assert found[0]["headline"]["exceptions_per_minute"] == 8.0
    assert found[10]["headline"]["exceptions_per_minute"] == 2.0
    assert found[0]["pulse"]["types"]["cache_hit"]["per_minute"] == 1.0


def test_types_without_a_proper_name_are_summed_up(database: Documents) -> None:
    odd = {"request": 5, "App\\Odd": 3, "$x": 2, "a.b": 1, "other": 4, "Upper": 1, "x" * 65: 1, "request\n": 0}
    rows = [row(-1, "App\\Odd"), row(-2, "$x"), {**row(-3), "type": None}]
    found = rates_of(database, snapshot(0, odd, rows), snapshot(1, odd | {"$y": 6}))
    assert set(found[0]["telescope"]["types"]) == {"request", "other"}
    assert figures(found, "other")[0][2] == 12
    assert figures(found, "other")[1][4] == 6.0
    assert [figures(found, "other")[minute][5] for minute in (-3, -2, -1)] == [1, 1, 1]


def test_a_name_that_ends_its_line_is_no_proper_name(database: Documents) -> None:
    found = rates_of(database, snapshot(0, {"request\n": 5}, [row(-1, "request\n")]))
    assert set(found[0]["telescope"]["types"]) == {"other"}


def test_a_count_that_is_not_known_is_neither_0_nor_grown_from(database: Documents) -> None:
    found = rates_of(database, snapshot(-1, {"request": None, "query": 5}), snapshot(0, {"request": 50}))
    assert figures(found)[0] == (10.0, "average", 50, 10.0, None, 0)
    assert found[-1]["headline"]["basis"]["queries"] == "average"
    assert figures(found, "query") == {}


def test_response_times_by_hand(database: Documents) -> None:
    times = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 5000, "7.5", None]
    rows = [row(-2 + n / 100, duration=time) for n, time in enumerate(times)]
    slow = {
        "id": 1,
        "timestamp": int(moment(-1.5).timestamp()),
        "type": "slow_request",
        "key": '["GET","/x"]',
        "value": 6200,
    }
    late = slow | {"id": 2, "timestamp": int(moment(-2.5).timestamp()), "value": 1500}
    pulse = {"entry_types": {"slow_request": 2}, "recent_entries_data": [slow, late]}
    found = rates_of(database, snapshot(0, {"request": 22}, rows, pulse=pulse))
    assert found[-2]["response_time_ms"] == {"count": 21, "avg": 6907.5 / 21, "p95": 190.0, "max": 6200.0}
    assert found[-3]["response_time_ms"] == {"count": 0, "avg": None, "p95": None, "max": 1500.0}
    assert found[0]["response_time_ms"] == {"count": 0, "avg": None, "p95": None, "max": None}


@pytest.mark.parametrize("name", ["counted", "response_times"])
def test_a_span_has_its_start_and_not_its_end(database: Documents, name: str) -> None:
    load(database, [snapshot(0, {"request": 3}, [row(-3, duration=1), row(-2, duration=2), row(-1, duration=3)])])
    found = database["entries"].aggregate(CATALOGUE[name].build("laravel_app", moment(-3), moment(-1)))
    assert sorted((one["minute"] - NOON) // MINUTE for one in found) == [-3, -2]


def test_the_mean_of_minutes_is_of_what_was_counted_if_all_is_known(database: Documents) -> None:
    rows = [row(1 + n / 10, n=n) for n in range(9)]
    load(database, [snapshot(5, {"request": 9}, rows), snapshot(6, {"request": 500}, rows)])
    database["snapshots"].aggregate(roll_up("laravel_app", NOON, moment(10)))

    def mean(minutes: int) -> float:
        (point,) = database["rates"].aggregate(series_in_steps("laravel_app", NOON, moment(minutes), 60))
        assert point["complete"] == {"telescope": 5, "pulse": 0}
        assert point["peak"]["requests_per_minute"] == (491.0 if minutes == 7 else 9.0)
        return float(point["headline"]["requests_per_minute"])

    # Of the minutes 0 to 4 all is known: nine requests in the second. Of 5 and 6 there are the averages only.
    assert mean(5) == pytest.approx(9 / 5)
    assert mean(7) == pytest.approx((6 * 9 / 5 + 500 / 5) / 7)


def test_the_mean_of_exceptions_is_that_of_one_source(database: Documents) -> None:
    """Telescope knows all, Pulse is a sample: a burst is in one minute of the one, in five of the other."""
    burst = [row(20.5, "exception", n=n) for n in range(40)]
    posts = []
    for minute in range(30):
        seen = [one for one in burst if 20.5 < minute + 0.9 <= 25.5]
        pulse = {"entry_types": {"cache_hit": 5000, **({"exception": 40} if seen else {})}, "recent_entries_data": []}
        posts.append(snapshot(minute + 0.9, {"exception": 40} if seen else {}, seen, pulse=pulse))
    load(database, posts)
    database["snapshots"].aggregate(roll_up("laravel_app", NOON, moment(30)))
    (point,) = database["rates"].aggregate(series_in_steps("laravel_app", NOON, moment(30), 60))
    assert point["headline"]["exceptions_per_minute"] == pytest.approx(40 / 30)


def test_memory_is_the_last_the_largest_and_the_peak_of_the_minute(database: Documents) -> None:
    servers = [{"memory_usage": 5, "peak_memory": 9}, {"memory_usage": 8, "peak_memory": 8}, {"memory_usage": 6}, {}]
    found = rates_of(database, *(snapshot(0.2 * n, server_info=server) for n, server in enumerate(servers)))
    assert found[0]["memory_bytes"] == {"last": 6, "max": 8, "peak": 9}


def test_rows_count_once_however_many_snapshots_bring_them(database: Documents) -> None:
    rows = [row(-0.5, n=n) for n in range(5)]
    found = rates_of(database, *(snapshot(minute / 2, {"request": 9}, rows) for minute in range(6)))
    assert figures(found)[-1][5] == 5


def test_each_snapshots_own_figures(database: Documents) -> None:
    load(database, [snapshot(0, {"request": 5}), snapshot(1, {"request": 9, "query": 10}), snapshot(2, {"query": 10})])
    told = list(database["snapshots"].aggregate(windows("laravel_app", moment(1), moment(3))))
    assert told == [
        {
            "timestamp": moment(1),
            "source": "telescope",
            "type": kind,
            "window": window,
            "average": average,
            "growth": growth,
        }
        for kind, window, average, growth in (("query", 10, 2.0, 10.0), ("request", 9, 1.8, 4.0))
    ] + [{"timestamp": moment(2), "source": "telescope", "type": "query", "window": 10, "average": 2.0, "growth": 0.0}]


def test_a_name_that_looks_like_a_field_is_only_a_name(database: Documents) -> None:
    load(database, [{**snapshot(0, {"request": 5}), "system": "$request"}])
    (found, *_) = database["snapshots"].aggregate(minutes("$request", NOON, NOON + MINUTE))
    assert found["_id"] == {"system": "$request", "minute": NOON}


def test_a_writer_that_knew_less_does_not_replace_one_that_knew_more(database: Documents) -> None:
    load(database, [snapshot(0, {"request": 5}), snapshot(0.5, {"request": 30}, [row(-1)])])
    span = spans_told(NOON)[0]
    database["snapshots"].aggregate(roll_up("laravel_app", *span))
    whole = list(database["rates"].find())
    database["snapshots"].delete_one({"timestamp": moment(0.5)})
    database["snapshots"].aggregate(roll_up("laravel_app", *span))
    assert list(database["rates"].find()) == whole
    database["rates"].update_many({}, {"$set": {"inputs": 0}})
    database["snapshots"].aggregate(roll_up("laravel_app", *span))
    assert database["rates"].find_one({"minute": NOON})["snapshots"] == 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOON, NOON),
        (NOON, NOON - MINUTE),
        (NOON.replace(tzinfo=None), NOON),
        (NOON, moment(1.5)),
        (moment(0.5), NOON + MINUTE),
    ],
    ids=str,
)
def test_what_is_no_span_of_minutes_is_refused(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="must be"):
        minutes("laravel_app", start, end)


@pytest.mark.parametrize("recipe", [one for one in CATALOGUE.values() if "start" in one.parameters], ids=by_name)
def test_every_pipeline_refuses_what_is_no_span(recipe: Recipe) -> None:
    for start, end in ((NOON, NOON), (NOON, NOON - MINUTE), (NOON.replace(tzinfo=None), NOON)):
        with pytest.raises(ValueError, match="must be"):
            recipe.stages({**EXAMPLE, "start": start, "end": end})


@pytest.fixture(scope="module")
def long_history(mongo: MongoClient[dict[str, Any]], mongo_uri: str) -> Iterator[Documents]:
    """Twelve hours of two systems, a snapshot every two minutes, rolled up."""
    name = f"history_{uuid.uuid4().hex[:8]}"
    make(mongo_uri, name, FOR_EVER)
    for system in ("laravel_app", "other"):
        posts = [
            {**snapshot(n, {"request": n + 600}, [row(n - 1, duration=n + 600)]), "system": system}
            for n in range(-600, 120, 2)
        ]
        load(mongo[name], posts)
        mongo[name]["snapshots"].aggregate(roll_up(system, NOON - 10 * HOUR, NOON + 2 * HOUR))
        mongo[name]["systems"].insert_one(
            {"_id": system, "first_seen_at": NOON, "last_seen_at": NOON, "last_timestamp": moment(60)}
        )
    yield mongo[name]
    mongo.drop_database(name)


# MongoDB 6.0.5 dies of a segmentation fault when asked to explain, with its statistics, a `$unionWith` of stages such
# as theirs. They are made of the others, and what they examine is in the profile.
UNIONS = ("minutes", "roll_up")
# Its profile counts twice what a `$unionWith` reads.
TWICE = 2
EXPLAINED = [recipe for recipe in CATALOGUE.values() if recipe not in COOKBOOK and recipe.name not in UNIONS]


@pytest.mark.parametrize("recipe", EXPLAINED, ids=by_name)
def test_a_pipeline_reads_its_span_and_no_more(long_history: Documents, recipe: Recipe) -> None:
    found = list(nodes(explain(long_history, recipe.collection, recipe.stages(EXAMPLE))))
    assert ("COLLSCAN" in {node.get("stage") for node in found}) == (recipe.index is None)
    if recipe.index is not None:
        assert found_index(found) == recipe.index
        # An hour of one system, and five minutes on both sides: 30 snapshots or rows, or 60 minutes.
        most = 61 if recipe.collection == "rates" else 36
        assert examined(found) <= most


@pytest.mark.parametrize("name", UNIONS)
def test_the_union_reads_no_more_than_its_parts(long_history: Documents, name: str) -> None:
    with profiled(long_history) as profile:
        list(long_history["snapshots"].aggregate(CATALOGUE[name].stages(EXAMPLE)))
    (line,) = profile
    assert line["planSummary"] == "IXSCAN { system: 1, timestamp: -1 }"
    # Completeness and windows look at 35 snapshots each, memory at 30, response times at 30 rows.
    assert line["docsExamined"] == 35 + TWICE * (35 + 30 + 30)


@contextmanager
def profiled(database: Documents) -> Iterator[list[dict[str, Any]]]:
    """Have the server note what aggregations examine; the list is filled in the end."""
    lines: list[dict[str, Any]] = []
    database.command("profile", 2, filter={"command.aggregate": "snapshots"})
    yield lines
    database.command("profile", 0)
    lines += database["system.profile"].find({"command.aggregate": "snapshots"})
    database.drop_collection("system.profile")


def examined(found: list[dict[str, Any]]) -> int:
    """Return how many documents a plan examined."""
    return sum(node.get("totalDocsExamined", 0) for node in found)


def explain(database: Documents, collection: str, pipeline: list[dict[str, Any]]) -> dict[str, Any]:
    """Run a pipeline and return what the server says of how."""
    command = {"aggregate": collection, "pipeline": pipeline, "cursor": {}}
    return database.command("explain", command, verbosity="executionStats")


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all documents in a document, from the top."""
    if isinstance(value, dict):
        yield value
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(below)


def found_index(found: list[dict[str, Any]]) -> str:
    """Return the index that a plan scans first."""
    return next(str(node["indexName"]) for node in found if "indexName" in node)


@pytest.mark.parametrize("part", ["system", "minute", "source"])
def test_a_match_on_the_view_uses_the_index_of_rates(long_history: Documents, part: str) -> None:
    wanted = {"system": "laravel_app", "minute": {"$gte": NOON, "$lt": NOON + HOUR}, "source": "telescope"}
    wanted = {name: wanted[name] for name in list(wanted)[: ["system", "minute", "source"].index(part) + 1]}
    found = list(nodes(explain(long_history, "rates_by_type", [{"$match": wanted}])))
    assert found_index(found) == "system_minute"
    assert examined(found) <= (720 if part == "system" else 60)


def test_the_view_has_a_row_for_each_type(long_history: Documents) -> None:
    wanted = {"system": "laravel_app", "minute": moment(2)}
    (found,) = long_history["rates_by_type"].find(wanted)
    (document,) = long_history["rates"].find(wanted)
    told = {"source": "telescope", "type": "request", "complete": False}
    assert found == {**wanted, **told, **document["telescope"]["types"]["request"]}


@pytest.mark.parametrize("times", [1, 10, 100])
def test_a_roll_up_reads_the_same_however_long_the_history(database: Documents, mongo_uri: str, times: int) -> None:
    make(mongo_uri, database.name, FOR_EVER)
    load(database, [snapshot(minute, {"request": 50}, [row(minute - 1)]) for minute in range(-20 * times, 1)])
    with profiled(database) as profile:
        list(database["snapshots"].aggregate(roll_up("laravel_app", *spans_told(NOON)[0])))
    # The snapshots of the last ten minutes, for completeness and for windows, those of the last five, for memory, and
    # their rows.
    assert profile[0]["docsExamined"] == 11 + TWICE * (11 + 5 + 6)
