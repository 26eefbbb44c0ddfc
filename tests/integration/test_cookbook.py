"""The analysts' cookbook on a real MongoDB: what each recipe answers, what it costs, and that mongosh says the same.

What happened is in ``tests/shop.py``; the figures here are added up from it by hand.
"""

import asyncio
import json
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient
from pymongo.database import Database

from receiver.intake.rollup import spans_told
from receiver.pipelines.catalogue import CATALOGUE, COOKBOOK, Recipe
from receiver.pipelines.mongosh import command
from receiver.pipelines.rates import roll_up
from receiver.pipelines.stages import ENTRIES, RATES, SNAPSHOTS
from receiver.store.layout import Retention, make_layout
from tests.loading import load
from tests.mongosh import documented, run_mongosh, with_values
from tests.shop import (
    BLOG,
    CART,
    DEADLOCK,
    END,
    IN_SPAN,
    ITEM,
    ORDERS,
    PAYLOADS,
    REPORT,
    RUNTIME,
    SHOP,
    START,
    at,
    batch,
)

Documents = Database[dict[str, Any]]
Row = dict[str, Any]

# Long enough that nothing of what is written here expires while the tests run.
RETENTION = Retention(20_000, 20_000, 20_000)
WEEK, YEAR = timedelta(days=7), timedelta(days=365)

ARGUMENTS = {"system": SHOP, "start": START, "end": END, "now": END, "batch_id": batch(5)}

# --- What the recipes answer ------------------------------------------------------------------------------------------

AT_CART, AT_ORDERS = {"method": "GET", "endpoint": CART}, {"method": "POST", "endpoint": ORDERS}
AT_ABOUT = {"method": "GET", "endpoint": "/about"}
ITEMS = {"sql_hash": "shape-of-items", "sql": ITEM, "file": "/app/Cart.php", "line": 12}
REPORTS = {"sql_hash": "shape-of-report", "sql": REPORT, "file": "/app/Report.php", "line": 7}

# The minutes of the shop that snapshots tell of: 12:00 to 12:05 (all rows arrived, so they are counted), 12:06 (the
# second snapshot alone: its window / 5), 13:00 to 13:05 and 13:06 (windows / 5), and 14:25 to
# 14:31, when nothing happens.
MINUTES, COMPLETE_MINUTES = 7 + 7 + 7, 6 + 0 + 6
# Not all of them are complete: the mean is that of the windows / 5; that of 12:05 stands for six minutes.
REQUESTS_NOW = [*[6 / 5] * 6, 8 / 5, *[60 / 5] * 6, 60 / 5, *[0] * 7]
EXCEPTIONS_NOW = [*[5 / 5] * 6, 4 / 5, *[10 / 5] * 6, 5 / 5, *[0] * 7]
QUERIES_NOW = [*[26 / 5] * 6, 26 / 5, *[0] * 6, 0, *[0] * 7]


def mean(values: list[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


EXPECTED: dict[str, list[Row]] = {
    # The deadlock is known for a week; the LogicException was not seen in the span, the later deadlock is not in it.
    "top_exceptions": [
        {
            "class": DEADLOCK,
            "times": 3,
            "first_seen": at("12:01:00", day=8),
            "last_seen": at("12:04:12"),
            "message": "Lock wait timeout exceeded again",
        },
        {
            "class": RUNTIME,
            "times": 2,
            "first_seen": at("12:00:00"),
            "last_seen": at("12:03:00"),
            "message": "The mail server is down",
        },
    ],
    # Batch 6 has a request only at the blog. The exception of 12:00 has no batch.
    "failing_endpoints": [
        {**AT_CART, "class": DEADLOCK, "times": 3, "requests": 2, "last_seen": at("12:04:12")},
        {"class": RUNTIME, "times": 1, "requests": 1, "last_seen": at("12:03:00")},
    ],
    # What became of one more request to the cart is not known.
    "error_rate_by_endpoint": [
        {**AT_CART, "requests": 6, "errors": 2, "error_share": 2 / 6},
        {**AT_ORDERS, "requests": 2, "errors": 0, "error_share": 0},
        {**AT_ABOUT, "requests": 1, "errors": 0, "error_share": 0},
    ],
    "failed_jobs": [
        {"job": "ImportPrices", "queue": "mail", "failed": 2, "jobs": 2, "last_failed_at": at("12:03:30")},
        {"job": "SendReceipt", "queue": "mail", "failed": 1, "jobs": 2, "last_failed_at": at("12:03:00")},
    ],
    "log_levels": [
        {"level": "error", "times": 2, "last_seen": at("12:04:20"), "message": "Gave up"},
        {"level": "debug", "times": 1, "last_seen": at("12:00:00"), "message": "Booted"},
        {"level": "info", "times": 1, "last_seen": at("12:04:30"), "message": "Ready"},
    ],
    # The cart took 80, 100, 150, 200, 250 and 300 ms: of six, the 95th percentile is the sixth.
    "slowest_endpoints": [
        {**AT_ORDERS, "requests": 2, "avg_ms": 500, "p95_ms": 600, "max_ms": 600},
        {**AT_CART, "requests": 6, "avg_ms": 180, "p95_ms": 300, "max_ms": 300},
        {**AT_ABOUT, "requests": 1, "avg_ms": 50, "p95_ms": 50, "max_ms": 50},
    ],
    "costliest_queries": [
        {**REPORTS, "times": 1 + 5, "total_ms": 500 + 5, "avg_ms": 505 / 6, "max_ms": 500},
        {**ITEMS, "times": 6 + 5 + 4 + 5, "total_ms": 60 + 100 + 20 + 0, "avg_ms": 180 / 20, "max_ms": 20},
    ],
    # The four of batch 3 are not suspect, and the five without a batch are nobody's.
    "n_plus_one": [
        {**ITEMS, "batches": 2, "most_in_one_batch": 6, "queries": 6 + 5, "total_ms": 60 + 100, "batch_id": batch(1)},
        {**REPORTS, "batches": 1, "most_in_one_batch": 5, "queries": 5, "total_ms": 5, "batch_id": batch(4)},
    ],
    "slow_outgoing": [
        {"host": "pay.test", "requests": 3, "failures": 2, "p95_ms": 900, "max_ms": 900},
        {"host": "receiver.test", "requests": 1, "failures": 0, "p95_ms": 30, "max_ms": 30},
        {"host": "mail.test", "requests": 1, "failures": 0, "p95_ms": 20, "max_ms": 20},
        {"host": "sms.test", "requests": 1, "failures": 1, "p95_ms": None, "max_ms": None},
        {"host": "fax.test", "requests": 1, "failures": 0, "p95_ms": None, "max_ms": None},
    ],
    "busiest_users": [
        {"user_id": "8", "requests": 5, "telescope": 2, "pulse": 5, "last_seen": at("12:05:30")},
        {"user_id": "7", "requests": 3, "telescope": 3, "pulse": 1, "last_seen": at("13:04:00")},
    ],
    "batch_timeline": [
        {
            "source": "telescope",
            "type": "log",
            "created_at": at("12:04:09"),
            "level": "error",
            "message": "Retrying",
        },
        {
            "source": "telescope",
            "type": "exception",
            "created_at": at("12:04:10"),
            "class": DEADLOCK,
            "message": "Lock wait timeout exceeded",
            "file": "/app/x.php",
            "line": 1,
        },
        {
            "source": "telescope",
            "type": "request",
            "created_at": at("12:04:10"),
            "method": "GET",
            "path": "/cart",
            "status": 500,
            "duration_ms": 200,
            "action": CART,
        },
        {
            "source": "telescope",
            "type": "exception",
            "created_at": at("12:04:12"),
            "class": DEADLOCK,
            "message": "Lock wait timeout exceeded again",
            "file": "/app/x.php",
            "line": 1,
        },
    ],
    # At noon 30 hits and 10 misses in five minutes; at one 20 and 20, but no misses in the window of 13:06.
    "cache_hit_ratio": [
        {"hour": at("12:00:00"), "minutes": 7, "hits_per_minute": 6, "misses_per_minute": 2, "hit_ratio": 0.75},
        {
            "hour": at("13:00:00"),
            "minutes": 7,
            "hits_per_minute": 4,
            "misses_per_minute": 6 * 4 / 7,
            "hit_ratio": 28 / (28 + 24),
        },
        {"hour": at("14:00:00"), "minutes": 7, "hits_per_minute": 0, "misses_per_minute": 0, "hit_ratio": None},
    ],
    "memory_trend": [
        {"hour": at("12:00:00"), "snapshots": 3, "avg_bytes": 60e6, "max_bytes": 70e6, "peak_bytes": 80e6},
        {"hour": at("13:00:00"), "snapshots": 2, "avg_bytes": 100e6, "max_bytes": 110e6, "peak_bytes": 120e6},
        {"hour": at("14:00:00"), "snapshots": 2, "avg_bytes": 20e6, "max_bytes": 30e6, "peak_bytes": 40e6},
    ],
    # A week ago there were 25 requests and 5 exceptions in five minutes, and no queries.
    "week_over_week": [
        {
            "figure": "exceptions_per_minute",
            "mean": mean(EXCEPTIONS_NOW),
            "max": 2,
            "minutes": MINUTES,
            "mean_before": 1,
            "max_before": 1,
            "minutes_before": 6,
            "change": mean(EXCEPTIONS_NOW) - 1,
        },
        {
            "figure": "queries_per_minute",
            "mean": mean(QUERIES_NOW),
            "max": 11,
            "minutes": MINUTES,
            "mean_before": 0,
            "max_before": 0,
            "minutes_before": 6,
            "change": None,
        },
        {
            "figure": "requests_per_minute",
            "mean": mean(REQUESTS_NOW),
            "max": 12,
            "minutes": MINUTES,
            "mean_before": 5,
            "max_before": 5,
            "minutes_before": 6,
            "change": (mean(REQUESTS_NOW) - 5) / 5,
        },
    ],
    # Before 13:05 there are the minutes 12:05, 12:06 and 13:00 to 13:04, with requests of 80, 600 and 150 ms; before
    # 13:06 not 12:05, but 13:05 with one of 250 ms. No request of 13:06 is known.
    # After 14:30 there are 14:30, 14:31 and 15:00 to 15:05; that 14:31 names its Laravel again is no change.
    "deploys": [
        {
            "at": at("12:00:00"),
            "php": {"from": "8.1.0", "to": "8.2.0"},
            "laravel": {"from": "11.0", "to": "11.0"},
            "before": {"exceptions_per_minute": 0, "response_time_ms": None},
            "after": {
                "exceptions_per_minute": mean([1, 1, 1, 1, 1, 1, 0.8]),
                "response_time_ms": mean([100, 300, 400, 50, 200, 80, 600]),
            },
        },
        {
            "at": at("13:05:00"),
            "php": {"from": "8.2.0", "to": "8.3.0"},
            "laravel": {"from": "11.0", "to": "11.0"},
            "before": {
                "exceptions_per_minute": mean([1, 0.8, 2, 2, 2, 2, 2]),
                "response_time_ms": mean([80, 600, 150]),
            },
            "after": {"exceptions_per_minute": mean([2, 1]), "response_time_ms": 250},
        },
        {
            "at": at("13:06:00"),
            "php": {"from": "8.3.0", "to": "8.3.0"},
            "laravel": {"from": "11.0", "to": "12.0"},
            "before": {"exceptions_per_minute": mean([0.8, 2, 2, 2, 2, 2, 2]), "response_time_ms": mean([150, 250])},
            "after": {"exceptions_per_minute": 1, "response_time_ms": None},
        },
        {
            "at": at("14:30:00"),
            "php": {"from": "8.3.0", "to": "8.3.1"},
            "laravel": {"from": "12.0", "to": None},
            "before": {"exceptions_per_minute": 0, "response_time_ms": None},
            "after": {"exceptions_per_minute": mean([0, 0, *[1 / 5] * 6]), "response_time_ms": 9000},
        },
    ],
    # The first began before the span; the five minutes from 12:00 to 12:05 are not too long.
    "reporting_gaps": [
        {"from": at("11:00:00"), "to": at("12:00:00"), "minutes": 60},
        {"from": at("12:06:00"), "to": at("13:05:00"), "minutes": 59},
        {"from": at("13:06:00"), "to": at("14:30:00"), "minutes": 84},
    ],
    # Of the blog all minutes but 12:30, in which its snapshot was taken, are complete.
    "sampling_systems": [
        {"system": SHOP, "source": "pulse", "minutes": MINUTES, "complete_share": 6 / MINUTES},
        {"system": SHOP, "source": "telescope", "minutes": MINUTES, "complete_share": COMPLETE_MINUTES / MINUTES},
        {"system": BLOG, "source": "telescope", "minutes": 6, "complete_share": 5 / 6},
    ],
    "secret_places": [
        {
            "system": SHOP,
            "path": "telescope.recent_entries_data.content.payload.password",
            "snapshots": 2,
            "most_in_one": 2,
            "last_seen": at("12:06:00"),
        },
        {
            "system": SHOP,
            "path": "server_info.db_password",
            "snapshots": 1,
            "most_in_one": 1,
            "last_seen": at("13:05:00"),
        },
        {
            "system": SHOP,
            "path": "server_info.mail_password",
            "snapshots": 1,
            "most_in_one": 1,
            "last_seen": at("12:00:00"),
        },
    ],
}


def heaviest(payload: Row, identity: str) -> Row:
    """Return what ``heaviest_snapshots`` says of a payload; of our own snapshot's copy nothing is kept."""
    rows = payload["telescope"].get("recent_entries_data", [])
    posts = [number for number, one in enumerate(rows) if "receiver.test" in one["content"].get("uri", "")]
    left_out = {"bytes": len('{"telescope":""}') + 5000, "reason": "feedback"}
    paths = [f"telescope.recent_entries_data.{number}.content.payload" for number in posts]
    return {
        "snapshot_id": identity,
        "system": payload["system"],
        "timestamp": datetime.fromisoformat(payload["timestamp"]),
        "bytes": len(json.dumps(payload)),
        "trimmed": [{"path": path, **left_out} for path in paths],
    }


def expected(recipe: Recipe, database: Documents) -> list[Row]:
    """Return what a recipe must answer; the ids and sizes of snapshots are looked up by their times."""
    if recipe.name != "heaviest_snapshots":
        return EXPECTED[recipe.name]
    ids = {(one["system"], one["timestamp"]): one["_id"] for one in database[SNAPSHOTS].find()}
    moments = [datetime.fromisoformat(one["timestamp"]) for one in IN_SPAN]
    told = [heaviest(one, ids[one["system"], moment]) for one, moment in zip(IN_SPAN, moments, strict=True)]
    return sorted(told, key=lambda one: (-one["bytes"], one["snapshot_id"]))


# --- The databases ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seeded(mongo: MongoClient[Row], mongo_uri: str) -> Iterator[Documents]:
    """The shop and the blog, stored and rolled up by the real parts."""
    name = f"cookbook_{uuid.uuid4().hex[:8]}"
    database = mongo[name]
    make(mongo_uri, name)
    for one in load(database, PAYLOADS):
        span = spans_told(one.timestamp, one.rows)[0]
        database[SNAPSHOTS].aggregate(roll_up(one.sighting.system, *span))
    yield database
    mongo.drop_database(name)


@pytest.fixture(scope="module")
def crowded(mongo: MongoClient[Row], mongo_uri: str, seeded: Documents) -> Iterator[Documents]:
    """The same among much else: other systems at the same time, and all of them at other times."""
    name = f"{seeded.name}_crowded"
    make(mongo_uri, name)
    for collection in (SNAPSHOTS, ENTRIES, RATES):
        originals = list(seeded[collection].find())
        elsewhere = [copy(one, 0, timedelta()) for one in originals]
        later = [copy(one, number, number * YEAR) for one in originals for number in range(1, 31)]
        mongo[name][collection].insert_many([*originals, *elsewhere, *later])
    yield mongo[name]
    mongo.drop_database(name)


def make(uri: str, name: str) -> None:
    """Make the collections and their indexes."""

    async def run() -> None:
        client: AsyncIOMotorClient[Row] = AsyncIOMotorClient(uri)
        await make_layout(client[name], RETENTION)
        client.close()

    asyncio.run(run())


def copy(document: Row, number: int, delay: timedelta) -> Row:
    """Copy a document to a later time; every second copy is another system's."""
    moved = {field: value + delay if isinstance(value, datetime) else value for field, value in document.items()}
    system = moved["system"] if number % 2 else f"{moved['system']}-{number}"
    # A document of rates has its system and minute as its id; the others are called anything.
    identity = {"system": system, "minute": moved["minute"]} if "minute" in moved else f"{number} {moved['_id']}"
    within = {"batch_id": f"{number} {moved['batch_id']}"} if moved.get("batch_id") else {}
    return {**moved, "_id": identity, "system": system, **within}


def answer(database: Documents, recipe: Recipe) -> list[Row]:
    """Run a recipe."""
    return list(database[recipe.collection].aggregate(recipe.stages(ARGUMENTS)))


def rounded(value: Any) -> Any:
    """Round all numbers to nine decimals, so that neither their type nor the order of an addition matters."""
    if isinstance(value, dict):
        return {name: rounded(below) for name, below in value.items()}
    if isinstance(value, list):
        return [rounded(below) for below in value]
    return round(float(value), 9) if isinstance(value, int | float) and not isinstance(value, bool) else value


def name_of(recipe: Recipe) -> str:
    """Return what a recipe is called."""
    return recipe.name


def taking(parameter: str) -> list[Recipe]:
    """List the recipes that take a parameter."""
    return [recipe for recipe in COOKBOOK if parameter in recipe.parameters]


each_recipe = pytest.mark.parametrize("recipe", COOKBOOK, ids=name_of)

# --- The tests --------------------------------------------------------------------------------------------------------


@each_recipe
def test_the_answer_is_that_of_the_hand(seeded: Documents, recipe: Recipe) -> None:
    assert rounded(answer(seeded, recipe)) == rounded(expected(recipe, seeded))


@each_recipe
def test_other_systems_and_times_make_no_difference(seeded: Documents, crowded: Documents, recipe: Recipe) -> None:
    theirs = [one for one in answer(crowded, recipe) if one.get("system") in (None, SHOP, BLOG)]
    assert rounded(theirs) == rounded(expected(recipe, seeded))


# What a recipe reads besides the documents that its first $match selects by the index.
FURTHER_READS: dict[str, list[tuple[str, Row]]] = {
    # The rows of the three batches with an exception.
    "failing_endpoints": [(ENTRIES, {"batch_id": {"$in": [batch(2), batch(5), batch(6)]}})],
    "week_over_week": [(RATES, {"system": SHOP, "minute": {"$gte": START - WEEK, "$lt": END - WEEK}})],
    # The hours before and after the four changes.
    "deploys": [
        (RATES, {"system": SHOP, "minute": {"$gte": at(first), "$lt": at(last)}})
        for first, last in (("11:00", "13:00"), ("12:05", "14:05"), ("12:06", "14:06"), ("13:30", "15:30"))
    ],
}
FURTHER_INDEXES = {"failing_endpoints": ["batch"], "deploys": ["system_minute"]}
# What is answered from the index alone.
COVERED = {"reporting_gaps"}


@each_recipe
def test_it_uses_its_index_and_reads_its_window_only(crowded: Documents, recipe: Recipe) -> None:
    pipeline = recipe.stages(ARGUMENTS)
    explained = explain(crowded, recipe.collection, pipeline)
    window = {name: value for name, value in pipeline[0]["$match"].items() if name in keys(crowded, recipe)}
    reads = [(recipe.collection, window), *FURTHER_READS.get(recipe.name, [])]
    windows = [(crowded[collection].count_documents(query), crowded[collection]) for collection, query in reads]
    assert all(0 < 10 * count <= collection.count_documents({}) for count, collection in windows)
    assert "COLLSCAN" not in json_util.dumps(explained)
    assert sum(found(explained, "collectionScans")) == 0
    assert found(first_plan(explained), "indexName") == [recipe.index]
    assert indexes(explained) == {recipe.index, *FURTHER_INDEXES.get(recipe.name, [])}
    examined = sum(found(explained, "totalDocsExamined"))
    assert examined == 0 if recipe.name in COVERED else 0 < examined <= sum(count for count, _ in windows)


def explain(database: Documents, collection: str, pipeline: list[Row]) -> Row:
    """Return how the server ran a pipeline."""
    aggregate = {"aggregate": collection, "pipeline": pipeline, "cursor": {}}
    explained: Row = database.command("explain", aggregate, verbosity="executionStats")
    return explained


def first_plan(explained: Row) -> Row:
    """Return the winning plan of a pipeline's first stage."""
    first = explained["stages"][0]["$cursor"] if "stages" in explained else explained
    winning = first["queryPlanner"]["winningPlan"]
    plan: Row = winning.get("queryPlan", winning)
    return plan


def indexes(explained: Row) -> set[str]:
    """Return all indexes that were used, by lookups and unions too."""
    winning = found(explained, "winningPlan")
    return {*found(winning, "indexName"), *(name for used in found(explained, "indexesUsed") for name in used)}


def keys(database: Documents, recipe: Recipe) -> set[str]:
    """Return the fields of the index that a recipe must use."""
    assert recipe.index
    return {field for field, _ in database[recipe.collection].index_information()[recipe.index]["key"]}


def found(value: Any, name: str) -> list[Any]:
    """List all values under a name, at any depth; below one that has it, others only repeat it."""
    if isinstance(value, dict):
        return [value[name]] if name in value else found(list(value.values()), name)
    return [one for below in value for one in found(below, name)] if isinstance(value, list) else []


def test_the_explanation_of_a_scan_would_be_seen(crowded: Documents) -> None:
    explained = explain(crowded, ENTRIES, [{"$match": {"message": "Deadlock found"}}])
    assert "COLLSCAN" in json_util.dumps(explained)
    assert sum(found(explained, "totalDocsExamined")) == crowded[ENTRIES].count_documents({})


@pytest.mark.parametrize("recipe", taking("start"), ids=name_of)
def test_it_refuses_a_span_that_is_none(recipe: Recipe) -> None:
    with pytest.raises(ValueError, match="start must be before end"):
        recipe.stages({**ARGUMENTS, "start": END, "end": START})
    with pytest.raises(ValueError, match="must be aware"):
        recipe.stages({**ARGUMENTS, "start": START.replace(tzinfo=None), "end": END.replace(tzinfo=None)})


@pytest.mark.parametrize("recipe", taking("system"), ids=name_of)
def test_a_system_is_a_value_and_nothing_else(seeded: Documents, recipe: Recipe) -> None:
    stages = recipe.stages({**ARGUMENTS, "system": "$system"})
    assert list(seeded[recipe.collection].aggregate(stages)) == []


# --- The same in mongosh ----------------------------------------------------------------------------------------------


def test_the_documented_blocks_say_the_same_in_mongosh(seeded: Documents, mongo_uri: str, tmp_path: Path) -> None:
    blocks = {name: with_values(block, ARGUMENTS) for name, block in documented("cookbook").items()}
    assert list(blocks) == [recipe.name for recipe in COOKBOOK]
    answers = run_mongosh(mongo_uri, seeded.name, blocks, tmp_path)
    assert rounded(answers) == {recipe.name: rounded(answer(seeded, recipe)) for recipe in COOKBOOK}


def test_what_is_printed_of_any_pipeline_says_the_same_in_mongosh(
    seeded: Documents, mongo_uri: str, tmp_path: Path
) -> None:
    blocks = {name: command(recipe, ARGUMENTS) for name, recipe in CATALOGUE.items()}
    answers = run_mongosh(mongo_uri, seeded.name, blocks, tmp_path)
    for name, recipe in CATALOGUE.items():
        assert in_any_order(answers[name]) == in_any_order(answer(seeded, recipe)), name


def in_any_order(answers: list[Row]) -> list[Row]:
    """Sort the answers of a pipeline that promises no order."""
    return sorted(map(rounded, answers), key=lambda one: json_util.dumps(one, sort_keys=True))
