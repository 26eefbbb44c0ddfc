"""Nothing that is posted breaks the receiver: never a 5xx, always the envelope, nothing lost, faults named.

2,000 cases here; ``make faults`` runs 100,000. A case is known by its number: ``tests.mutations.mutated(number)``.
"""

import concurrent.futures
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from receiver.intake.facts import rows_of
from tests.differential import Differences
from tests.mutations import mutated
from tests.support import TOKEN, Receiver

CASES = int(os.environ.get("RECEIVER_TEST_CASES", "2000"))
SENDERS = 4
BATCH = 500
DATABASE = "fuzz"


@pytest.fixture(scope="module")
def server(
    mongo_uri: str, mongo: MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    """One receiver for all cases."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    settings = {"RECEIVER_MONGODB_URI": mongo_uri, "RECEIVER_DATABASE": DATABASE, "RECEIVER_LOG_LEVEL": "error"}
    with Receiver(folder, **settings) as running:
        yield running
    mongo.drop_database(DATABASE)


def check_refusal(answer: dict[str, Any]) -> None:
    """A refused body is told what is wrong, and where."""
    if answer["error_code"] == "MISSING_FIELDS":
        assert answer["message"].startswith("Missing required fields: ")
        assert answer["errors"]
    else:
        assert answer["error_code"] in ("INVALID_DATA", "PAYLOAD_TOO_LARGE")
        assert answer.get("errors") or answer["message"].startswith(("The body", "A number"))


def check_stored(body: bytes, answer: dict[str, Any], database: Database[dict[str, Any]]) -> None:
    """An accepted body is stored and readable, with everything in it; and each of its entries has its row."""
    stored = database["snapshots"].find_one({"_id": answer["snapshot_id"]})
    assert stored is not None
    assert stored["timestamp"].tzinfo is not None
    assert Differences(json.loads(body), stored).found == []
    drawn = {row["_id"]: {**row, "received_at": None} for row in rows_of(stored)}
    found = database["entries"].find({"_id": {"$in": list(drawn)}})
    rows = {row["_id"]: {**row, "received_at": None} for row in found}  # it is a re-send's, if that was faster
    assert set(rows) == set(drawn)
    for row_id, row in rows.items():
        # Another case may have brought the same row first; if not, a sweep would make this one again to the letter.
        assert row["snapshot_id"] != answer["snapshot_id"] or row["type"] == "job" or row == drawn[row_id]


def run_case(number: int, client: httpx.Client, database: Database[dict[str, Any]]) -> str:
    """Post a case and check what came of it; return the outcome."""
    body = mutated(number)
    headers = {"content-type": "application/json", "x-api-token": TOKEN}
    response = client.post("/api/monitoring", content=body, headers=headers)
    answer = response.json()
    assert response.status_code < 500, answer
    assert {"success", "message", "timestamp"} <= set(answer)
    if response.status_code != 200:
        check_refusal(answer)
        return f"{response.status_code} {answer['error_code']}"
    if "snapshot_id" in answer:
        check_stored(body, answer, database)
    return "200"


def run_batch(numbers: range, client: httpx.Client, database: Database[dict[str, Any]]) -> Counter[str]:
    """Run some cases at once; an outcome that must not be is told with the number of its case."""

    def run(number: int) -> str:
        try:
            return run_case(number, client, database)
        except Exception as error:
            return f"case {number}: {type(error).__name__}: {error}"

    with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
        return Counter(pool.map(run, numbers))


def test_nothing_breaks_it(
    server: Receiver, mongo: MongoClient[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes: Counter[str] = Counter()
    database = mongo[DATABASE]
    with httpx.Client(base_url=server.address, timeout=60) as client:
        for first in range(0, CASES, BATCH):
            batch = run_batch(range(first, min(first + BATCH, CASES)), client, database)
            assert [outcome for outcome in batch if outcome.startswith("case")] == []
            outcomes += batch
            for name in ("snapshots", "entries"):
                database[name].delete_many({})
    with capsys.disabled():
        sys.stdout.write(f" {dict(outcomes.most_common())} ")
    assert outcomes["200"] > CASES / 10
    assert sum(outcomes.values()) == CASES
    assert server.log.read_text() == "", "the receiver logged a fault of its own"
