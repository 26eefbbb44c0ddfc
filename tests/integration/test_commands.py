"""``receiver send``, ``demo`` and ``systems`` as a person uses them."""

import json
import signal
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from receiver.store.embedded_state import read_state
from tests.integration.test_serve import run
from tests.support import SAMPLES, TOKEN, Receiver, eventually, payload

Documents = Database[dict[str, Any]]

ALL = [str(path) for path in sorted(SAMPLES.iterdir())]


def settings(receiver: Receiver) -> dict[str, str]:
    """Return the variables that a command needs to find this receiver's database and token."""
    return {name: value for name, value in receiver.environment.items() if value and name != "RECEIVER_PORT"}


def test_send_posts_every_sample(receiver: Receiver, database: Documents, tmp_path: Path) -> None:
    result = run(tmp_path, "send", "--url", receiver.address, *ALL, RECEIVER_TOKEN=TOKEN)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("200  stored") == 7 + 12
    assert "200  Connection OK" in result.stdout
    assert result.stdout.splitlines()[-1] == "20 x 200"
    assert database["snapshots"].count_documents({}) == 19


def test_send_tells_what_was_refused_and_exits_1(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    (tmp_path / "good.json").write_text(json.dumps(payload()))
    result = run(
        tmp_path, "send", "--url", receiver.address + "/", "--token", TOKEN, "bad.json", "good.json", "good.json"
    )
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert any(line.startswith("400  Missing required fields: pulse") and line.endswith("bad.json") for line in lines)
    assert any(line.startswith("200  duplicate") for line in lines)
    assert lines[-1] == "1 x 400, 2 x 200"


def test_send_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps(payload()))
    result = run(tmp_path, "send", "--url", "http://127.0.0.1:1", "--token", TOKEN, "good.json")
    assert result.returncode == 1
    assert "---  no answer" in result.stdout
    assert run(tmp_path, "send", "good.json").stderr.startswith("receiver: No token")
    assert run(tmp_path, "send", "no.json", "--token", "t").stderr.startswith("receiver: no.json cannot be read")


@pytest.mark.parametrize(
    ("content", "words", "sentence"),
    [
        ('{"x": NaN}', ["--system", "x"], "bad.ndjson:1 is not a JSON object"),
        ("[" * 5000, ["--rebase", "now"], "bad.ndjson:1 is not a JSON object"),
        ('{"x": "\\ud800"}', ["--system", "x"], "bad.ndjson:1 cannot be written"),
        ("{}", ["--token", "t\u00e9"], "The token holds characters"),
        ("", [], "There is nothing to send"),
    ],
)
def test_odd_files_and_options_have_sentences(tmp_path: Path, content: str, words: list[str], sentence: str) -> None:
    (tmp_path / "bad.ndjson").write_text(content)
    result = run(tmp_path, "send", "bad.ndjson", *words, "--url", "http://127.0.0.1:1", RECEIVER_TOKEN=TOKEN)
    assert result.returncode == 1
    assert result.stderr.startswith(f"receiver: {sentence}")


def test_rebase_moves_all_times_together(receiver: Receiver, database: Documents, tmp_path: Path) -> None:
    incident = str(SAMPLES / "incident.ndjson")
    before = datetime.now(UTC)
    result = run(
        tmp_path,
        "send",
        "--url",
        receiver.address,
        "--rebase",
        "now",
        "--system",
        "replay",
        incident,
        RECEIVER_TOKEN=TOKEN,
    )
    assert result.returncode == 0, result.stderr
    documents = list(database["snapshots"].find().sort("timestamp"))
    moments = [document["timestamp"] for document in documents]
    assert before - timedelta(seconds=2) <= moments[-1] <= datetime.now(UTC)
    assert {later - earlier for earlier, later in pairwise(moments)} == {timedelta(minutes=1)}
    assert {document["system"] for document in documents} == {"replay"}
    replayed = database["entries"].count_documents({})
    run(tmp_path, "send", "--url", receiver.address, "--system", "original", incident, RECEIVER_TOKEN=TOKEN)
    assert database["entries"].count_documents({"system": "original"}) == replayed
    for document in documents:
        for source in ("telescope", "pulse"):
            for entry in document[source]["recent_entries_data"]:
                age = document["timestamp"] - entry["created_at"]
                assert timedelta() <= age <= timedelta(minutes=5, seconds=1)


def test_demo_has_something_to_look_at_and_goes_on(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, command=("demo", "--days", "1"))
    with receiver:
        state = read_state(tmp_path / ".receiver")
        assert state
        with MongoClient[dict[str, Any]](state.uri("analyst"), tz_aware=True) as client:
            database = client["monitoring"]
            eventually(lambda: "post from now on" in receiver.output.read_text(), seconds=60)
            assert database["snapshots"].count_documents({}) >= 3 * 288
            assert {system["_id"] for system in database["systems"].find()} == {"kantin", "toko-online", "klinik"}
            newest = eventually(lambda: database["snapshots"].find_one({"receipt.late": False}))
            assert datetime.now(UTC) - newest["timestamp"] < timedelta(minutes=1)
            assert database["entries"].count_documents({"type": "exception"}) > 0
            assert set(database["snapshots"].distinct("receipt.utc_offset_minutes")) == {0, 420, 480}
        assert receiver.process
        receiver.process.send_signal(signal.SIGTERM)
        assert receiver.process.wait(10) == 0


def test_systems_are_listed_renamed_and_forgotten(receiver: Receiver, database: Documents, tmp_path: Path) -> None:
    for system in ("laravel_app", "shop", "old"):
        row = {"type": "log", "created_at": "2026-01-15T10:29:00Z", "content": {"message": system}}
        receiver.post(payload(system=system, telescope={"recent_entries_data": [row]}))
    taken = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
    eventually(lambda: database["rates"].count_documents({"minute": taken}) == 3)
    given = settings(receiver)
    listed = run(tmp_path, "systems", "list", **given).stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["system", "laravel_app", "old", "shop"]
    assert "10.0.0" in listed

    renamed = run(tmp_path, "systems", "rename", "laravel_app", "shop", **given)
    assert renamed.stdout == "laravel_app is shop now: 1 snapshots.\n"
    assert database["snapshots"].count_documents({"system": "shop"}) == 2
    assert database["entries"].count_documents({"system": "shop"}) == 2
    (rate,) = database["rates"].find({"system": "shop", "minute": taken})
    assert (rate["_id"], rate["snapshots"]) == ({"system": "shop", "minute": taken}, 2)
    assert database["rates"].count_documents({"system": "laravel_app"}) == 0
    assert {system["_id"] for system in database["systems"].find()} == {"old", "shop"}

    assert "There is no system" in run(tmp_path, "systems", "rename", "^s.*", "x", **given).stderr
    assert "cannot be the name" in run(tmp_path, "systems", "rename", "shop", "", **given).stderr

    assert run(tmp_path, "systems", "forget", "old", "--yes", **given).stdout == "old is forgotten.\n"
    assert database["snapshots"].count_documents({"system": "old"}) == 1
    assert run(tmp_path, "systems", "forget", "shop", "--yes", "--data", **given).returncode == 0
    assert database["snapshots"].count_documents({"system": "shop"}) == 0
    assert database["entries"].count_documents({"system": "shop"}) == 0
    assert database["rates"].distinct("system") == ["old"]
    assert run(tmp_path, "systems", "forget", "shop", "--yes", **given).stderr == "receiver: There is no system shop.\n"


def test_commands_leave_the_collections_as_they_are(receiver: Receiver, database: Documents, tmp_path: Path) -> None:
    receiver.post(payload())
    run(tmp_path, "systems", "list", RECEIVER_RETENTION_DAYS="1", **settings(receiver))
    assert database["snapshots"].index_information()["ttl"]["expireAfterSeconds"] == 30 * 86_400


@pytest.mark.parametrize("words", [["list"], ["forget", "x", "--yes"]])
def test_systems_without_a_database_say_so(tmp_path: Path, words: list[str]) -> None:
    result = run(tmp_path, "systems", *words)
    assert result.stderr.startswith("receiver: There is no embedded MongoDB in .receiver, and mongodb_uri is not set.")
    away = run(
        tmp_path, "systems", *words, RECEIVER_MONGODB_URI="mongodb://127.0.0.1:1", RECEIVER_STORE_TIMEOUT_SECONDS="1"
    )
    assert "Is the receiver, or the MongoDB of mongodb_uri, running?" in away.stderr
