"""``receiver pipeline``, ``export``, ``import`` and ``rates`` as a person uses them."""

import csv
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
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
        (["pipeline", "sampling_systems", "--system", "x"], "receiver: sampling_systems takes no --system."),
        (["pipeline", "counted", "--system", "x", "--from", "999999d"], "'999999d' is neither a moment"),
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
    assert moments == [f"2025-09-14T19:{minute}:00.000Z" for minute in (43, 44, 45)]
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


@pytest.mark.parametrize("words", ["export snapshots", "pipeline roll_up"])
def test_a_reader_that_has_seen_enough_ends_a_command_quietly(filled: Receiver, tmp_path: Path, words: str) -> None:
    command = f"{sys.executable} -m receiver {words} | head -1"
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
    assert "receiver: Line 1 is not a document of rates as `receiver export` writes them." in result.output


def test_a_document_of_another_kind_is_refused(filled: Receiver, tmp_path: Path) -> None:
    (tmp_path / "e.ndjson").write_text(text("export", "entries", **settings(filled)))
    result = call("import", "snapshots", "e.ndjson", **settings(filled))
    assert result.exit_code == 1
    assert "receiver: Line 1 is not a document of snapshots as `receiver export` writes them." in result.output


ODD = {
    **{
        name: {f"${name}": "x"}
        for name in ("date", "oid", "numberLong", "uuid", "regex", "undefined", "object", "minKey")
    },
    "ref": {"$ref": "c", "$id": "1"},
    "date": {"$date": "2026-01-15T12:00:00Z"},
    "object": {"$object": [["a", 1]]},
    "numbers": [0, -0.0, 1.5, 2**31, 2**40, -(2**62), 1e300],
    "texts": ["\u2028", "\ud83d\ude00", "", " ", "$x", "a.b"],
    "nothing": [None, True, False, [], {}],
}


def test_what_looks_like_something_else_stays_as_it_was(
    receiver: Receiver, database: Documents, tmp_path: Path
) -> None:
    odd = row(0, "request", method="GET", payload=ODD)
    reference = {**row(0, "request"), "content": {"$ref": "c", "$id": "1", "method": "GET"}}
    extra = {"server_info": {"memory_usage": 1, "extra": {"$ref": "c", "$id": "1"}}}
    receiver.post(snapshot(0, {"request": 2}, [odd, reference], **extra))
    eventually(lambda: database["rates"].find_one({"snapshots": 1}))
    given = settings(receiver)
    raw = database.get_collection("snapshots", codec_options=CodecOptions(document_class=RawBSONDocument))
    (before,), rows = raw.find(), stored(database)["entries"]
    (tmp_path / "odd.ndjson").write_text(text("export", "snapshots", **given))
    for name in ("snapshots", "entries", "rates"):
        database[name].delete_many({})
    text("import", "snapshots", "odd.ndjson", **given)
    (after,) = raw.find()
    assert after.raw == before.raw
    assert stored(database)["entries"] == rows
    assert {row["method"] for row in rows} == {"GET"}


def test_a_command_leaves_the_expiry_of_what_is_there(receiver: Receiver, database: Documents, tmp_path: Path) -> None:
    receiver.post(snapshot(0))
    (tmp_path / "none.ndjson").write_text("")
    given = {**settings(receiver), "RECEIVER_RETENTION_DAYS": "1", "RECEIVER_RATES_RETENTION_DAYS": "1"}
    text("import", "snapshots", "none.ndjson", **given)
    text("rates", "rebuild", **given)
    for name, days in (("snapshots", 30), ("entries", 90), ("rates", 400)):
        assert database[name].index_information()["ttl"]["expireAfterSeconds"] == days * 86_400


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"timestamp": {"$date": "0001-01-01T00:00:00Z"}},
            "Line 2 has a timestamp that is no moment from 2000 to 2100.",
        ),
        ({"timestamp": "2026"}, "Line 2 has a timestamp that is no moment from 2000 to 2100."),
        ({"n": 10**30}, "Line 2 holds what MongoDB cannot."),
        ({"a\x00b": 1}, "Line 2 holds what MongoDB cannot."),
        ({"n": "\ud800"}, "Line 2 holds what MongoDB cannot."),
        ({"n": "x" * 17_000_000}, "Line 2 is larger than a document of MongoDB may be."),
        ({"received_at": 5}, "Line 2 is refused by the collection's validator."),
    ],
    ids=[*"abcdefg"],
)
def test_a_document_that_cannot_be_stored(
    receiver: Receiver, tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    receiver.post(snapshot(0))
    line = text("export", "snapshots", **settings(receiver))
    document = json.loads(line)
    if "timestamp" not in change:
        document["_id"] = "another"
    (tmp_path / "odd.ndjson").write_text(line + json.dumps({**document, **change}) + "\n")
    result = call("import", "snapshots", "odd.ndjson", **settings(receiver))
    assert (result.exit_code, result.output.splitlines()[-1]) == (1, f"receiver: {sentence}")


def test_an_export_that_breaks_leaves_the_one_before(filled: Receiver, tmp_path: Path) -> None:
    (tmp_path / "out.ndjson").write_text("before")
    (tmp_path / "out.ndjson.part").mkdir()
    assert call("export", "entries", "--output", "out.ndjson", **settings(filled)).exit_code == 1
    assert (tmp_path / "out.ndjson").read_text() == "before"


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


def test_hours_in_which_nothing_was_taken_are_not_rebuilt(receiver: Receiver, database: Documents) -> None:
    for minute in (0, 60 * 24 * 365):
        receiver.post(snapshot(minute))
    eventually(lambda: database["rates"].count_documents({"snapshots": 1}) == 2)
    # An hour each, five minutes before and six after it.
    assert text("rates", "rebuild", **settings(receiver)) == f"{2 * 71} minutes looked at.\n"


def test_old_rates_are_said_to_be_old(receiver: Receiver, database: Documents) -> None:
    receiver.post(snapshot(0))
    eventually(lambda: database["rates"].find_one({"snapshots": 1}))
    result = call("rates", "show", "--system", "laravel_app", **settings(receiver))
    assert "There are no rates of laravel_app in the last 1h. The latest are of 2026-01-15 12:00 UTC." in result.output


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
