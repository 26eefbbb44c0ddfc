"""``receiver pipeline``, ``export``, ``import`` and ``rates`` as a person uses them."""

import csv
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pymongo import MongoClient
from pymongo.database import Database

from receiver.cli import main
from receiver.commands.rates import curve
from receiver.pipelines.catalogue import CATALOGUE
from tests.integration.test_commands import settings
from tests.integration.test_pipelines import moment, row, snapshot
from tests.support import SAMPLES, Receiver, eventually, sample

Documents = Database[dict[str, Any]]


@pytest.fixture
def filled(receiver: Receiver, database: Documents) -> Receiver:
    """A receiver with the samples, rolled up."""
    for line in (SAMPLES / "incident.ndjson").read_bytes().splitlines():
        receiver.post(line)
    receiver.post({**json.loads(sample("sender-busy")), "system": "shop"})
    wanted = {"system": "shop", "snapshots": 1}
    eventually(lambda: database["rates"].find_one(wanted))
    eventually(lambda: database["rates"].count_documents({"snapshots": 1}) == 13)
    return receiver


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the commands in a folder of their own."""
    monkeypatch.chdir(tmp_path)


def call(*words: str, **variables: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, words, env=variables, catch_exceptions=False)


def text(*words: str, **variables: str) -> str:
    """Run a command that is to succeed and return what it prints."""
    result = call(*words, **variables)
    assert result.exit_code == 0, result.output
    return result.stdout


def stored(database: Documents) -> dict[str, list[dict[str, Any]]]:
    """Return all documents."""
    return {name: list(database[name].find().sort("_id")) for name in ("snapshots", "entries", "rates", "systems")}


def test_pipelines_are_listed_and_printed() -> None:
    listed = text("pipeline").splitlines()
    assert [line.split()[0] for line in listed] == list(CATALOGUE)
    printed = text("pipeline", "counted", "--system", 'a "b"', "--from", "2026-01-15", "--to", "2026-01-16")
    assert printed.startswith("db.entries.aggregate([")
    assert r'system: "a \"b\""' in printed
    assert '$gte: ISODate("2026-01-15T00:00:00.000Z"), $lt: ISODate("2026-01-16T00:00:00.000Z")' in printed
    variables = text("pipeline", "slowest_endpoints")
    assert variables.startswith('var system = "laravel_app", end = new Date(), start = new Date(end')
    assert "ISODate" not in variables


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_pipeline_can_be_printed(name: str) -> None:
    words = {"system": ["--system", "x"], "batch_id": ["--batch-id", "b"]}
    given = [word for needed in CATALOGUE[name].parameters for word in words.get(needed, [])]
    assert f"db.{CATALOGUE[name].collection}.aggregate(" in text("pipeline", name, *given, "--from", "24h")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["pipeline", "countd"], "receiver: There is no pipeline countd: did you mean counted?"),
        (["pipeline", "zzz"], "receiver: There is no pipeline zzz: `receiver pipeline` lists them."),
        (["pipeline", "counted", "--from", "1h"], "receiver: counted needs --system."),
        (["pipeline", "counted", "--system", "x", "--from", "1h", "--to", "2h"], "receiver: --from must be at least"),
        (["pipeline", "counted", "--from", "soon"], "'soon' is neither a moment such as 2026-01-15T12:00"),
        (["export", "everything"], "'everything' is not one of 'snapshots', 'entries', 'rates', 'alerts'"),
        (["import", "snapshots", "none.ndjson"], "none.ndjson"),
        (["rates", "show"], "Missing option '--system'"),
    ],
    ids=" ".join,
)
def test_what_was_typed_wrongly_is_said(words: list[str], sentence: str) -> None:
    result = call(*words)
    assert result.exit_code > 0
    assert sentence in result.output


def test_what_was_exported_is_imported_as_it_was(
    filled: Receiver, database: Documents, mongo: MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    given = settings(filled)
    for kind in ("snapshots", "entries", "rates", "alerts"):
        (tmp_path / f"{kind}.ndjson").write_text(text("export", kind, **given))
    before = stored(database)
    copy = f"{database.name}_copy"
    elsewhere = {**given, "RECEIVER_DATABASE": copy}
    for kind in ("entries", "rates", "alerts", "snapshots"):
        text("import", kind, f"{kind}.ndjson", **elsewhere)
    try:
        assert stored(mongo[copy]) == before
        assert mongo[copy]["snapshots"].index_information().keys() == database["snapshots"].index_information().keys()
    finally:
        mongo.drop_database(copy)


def test_snapshots_alone_bring_all_that_follows_from_them(
    filled: Receiver, database: Documents, tmp_path: Path
) -> None:
    given = settings(filled)
    before = stored(database)
    (tmp_path / "all.ndjson").write_text(text("export", "snapshots", **given))
    for name in before:
        database[name].delete_many({})
    answer = text("import", "snapshots", "all.ndjson", **given)
    assert answer == "13 snapshots imported, 0 were there already.\n"
    assert stored(database) == before
    again = text("import", "snapshots", "all.ndjson", **given)
    assert again == "0 snapshots imported, 13 were there already.\n"
    assert stored(database) == before


def test_an_export_is_of_a_system_and_a_span(filled: Receiver) -> None:
    given = settings(filled)
    span = ("--from", "2025-09-14T19:43", "--to", "2025-09-14T19:46")
    lines = text("export", "snapshots", "--system", "laravel_app", *span, **given).splitlines()
    moments = [json.loads(line)["timestamp"]["$date"] for line in lines]
    assert moments == [f"2025-09-14T19:{minute}:00Z" for minute in (43, 44, 45)]
    assert text("export", "entries", "--system", "nobody", **given) == ""


@pytest.mark.parametrize("kind", ["snapshots", "entries", "rates", "rates_by_type", "alerts"])
def test_a_table_has_a_row_a_document(filled: Receiver, database: Documents, tmp_path: Path, kind: str) -> None:
    result = call("export", kind, "--format", "csv", "--output", "out.csv", **settings(filled))
    count = database[kind].count_documents({})
    assert (result.exit_code, result.stdout, result.stderr.splitlines()[-1]) == (0, "", f"{count} {kind}.")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count
    assert "system" in (rows[0] if rows else (tmp_path / "out.csv").read_text())


def test_cells_hold_what_is_stored(filled: Receiver, database: Documents) -> None:
    table = text("export", "rates_by_type", "--system", "laravel_app", "--format", "csv", **settings(filled))
    rows = list(csv.DictReader(table.splitlines()))
    minute = datetime(2025, 9, 14, 19, 47, tzinfo=UTC)
    wanted = {"minute": minute, "source": "telescope", "type": "exception"}
    (document,) = database["rates_by_type"].find(wanted)
    (found,) = [one for one in rows if (one["minute"], one["type"]) == ("2025-09-14T19:47:00Z", "exception")][:1]
    assert float(found["per_minute"]) == document["per_minute"] == 9.0
    assert found["basis"] == "growth"


def test_a_reader_that_has_seen_enough_ends_the_export_quietly(filled: Receiver, tmp_path: Path) -> None:
    command = f"{sys.executable} -m receiver export snapshots | head -1"
    variables = {**settings(filled), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command], cwd=tmp_path, env=variables, capture_output=True, text=True
    )
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 1)
    assert "Error" not in result.stderr


@pytest.mark.parametrize("line", ["x", "[]", "1", '{"a": 1}', '{"_id": {"$date": "never"}}', "\x00"])
def test_a_line_that_is_no_document(receiver: Receiver, tmp_path: Path, line: str) -> None:
    (tmp_path / "bad.ndjson").write_text(line + "\n")
    result = call("import", "rates", "bad.ndjson", **settings(receiver))
    assert result.exit_code == 1
    assert "receiver: Line 1 is not a document as `receiver export` writes them." in result.output


def test_a_document_of_another_kind_is_refused(filled: Receiver, tmp_path: Path) -> None:
    (tmp_path / "e.ndjson").write_text(text("export", "entries", **settings(filled)))
    result = call("import", "snapshots", "e.ndjson", **settings(filled))
    assert result.exit_code == 1
    assert "receiver: Line 1 is refused by the collection's validator." in result.output


def test_rates_are_rebuilt(filled: Receiver, database: Documents) -> None:
    before = stored(database)["rates"]
    database["rates"].update_many({}, {"$set": {"headline": {}, "inputs": 0}})
    other = list(database["rates"].find({"system": "shop"}))
    span = ("--from", "2025-09-14T19:40", "--to", "2025-09-14T19:43")
    assert text("rates", "rebuild", "--system", "laravel_app", *span, **settings(filled)) == ("3 minutes looked at.\n")
    assert database["rates"].count_documents({"inputs": {"$gt": 0}}) == 3
    assert list(database["rates"].find({"system": "shop"})) == other
    text("rates", "rebuild", **settings(filled))
    assert stored(database)["rates"] == before
    assert "There is no system x." in call("rates", "rebuild", "--system", "x", **settings(filled)).output


def test_the_last_hour_is_drawn(receiver: Receiver, database: Documents) -> None:
    now = datetime.now(UTC)
    for number in range(3):
        taken = (now - timedelta(minutes=10 * number)).isoformat()
        receiver.post(snapshot(0, {"request": 50, "query": 100 * number}, timestamp=taken))
    eventually(lambda: database["rates"].count_documents({"snapshots": 1}) == 3)
    given = settings(receiver)
    lines = text("rates", "show", "--system", "laravel_app", **given).splitlines()
    assert lines[0].startswith("laravel_app, ")
    assert lines[1].strip().startswith("requests/min")
    assert lines[1].endswith("last 10.0, max 10.0")
    assert lines[3].endswith("last 0.0, max 40.0")
    assert "unknown" in lines[4]
    for last in ("6h", "24h"):
        assert "max 10.0" in text("rates", "show", "--system", "laravel_app", "--last", last, **given)
    missing = call("rates", "show", "--system", "nobody", **given)
    assert "There are no rates of nobody in the last 1h. Known systems: laravel_app." in missing.output


def test_a_curve_by_hand() -> None:
    assert curve("x", [0.0, 7.0, None, 3.5]) == f"{'x':>15}  ▁█ ▅  last 3.5, max 7.0"
    assert curve("x", [0.0, 0.0]).strip() == "x  ▁▁  last 0.0, max 0.0"
    assert curve("x", [None, None]).strip() == "x  unknown"


def test_the_moment_of_a_row_says_when(receiver: Receiver, database: Documents) -> None:
    receiver.post(snapshot(0, {"request": 2}, [row(-1), {**row(-2), "created_at": "never"}]))
    eventually(lambda: database["entries"].count_documents({}) == 2)
    lines = text("export", "entries", "--to", moment(1).isoformat(), **settings(receiver)).splitlines()
    assert len(lines) == 1
