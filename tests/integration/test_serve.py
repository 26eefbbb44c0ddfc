"""``receiver serve`` as a newcomer and an operator meet it: real processes, the embedded MongoDB."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from receiver.store.embedded_state import is_free, read_state
from tests.support import TOKEN, Receiver, eventually, free_port, payload, sample

HEAD = f"POST /api/monitoring HTTP/1.1\r\nHost: x\r\nX-API-Token: {TOKEN}\r\nContent-Type: application/json\r\n"


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``receiver`` to its end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RECEIVER_")}
    return subprocess.run(
        [sys.executable, "-m", "receiver", *words],
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def snapshots(folder: Path) -> list[str]:
    """List the ids of the stored snapshots, as an analyst with the address that ``receiver mongo-uri`` prints."""
    uri = run(folder, "mongo-uri").stdout.strip()
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        return [document["_id"] for document in client.get_default_database()["snapshots"].find()]


def test_from_nothing_to_a_stored_snapshot_and_back_again(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, RECEIVER_TOKEN=None).start()
    banner = receiver.output.read_text()
    token = (tmp_path / ".receiver/token").read_text().strip()
    assert f"Token: {token}" in banner
    curl = banner[banner.index("curl") :]
    answer = subprocess.run(["bash", "-c", curl], cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S607
    assert json.loads(answer.stdout)["message"] == "Data received successfully"
    stored = [receiver.post(sample(name), x_api_token=token).json()["snapshot_id"] for name in ("guide", "sender-busy")]
    stored.append(json.loads(answer.stdout)["snapshot_id"])
    assert sorted(snapshots(tmp_path)) == sorted(stored)
    assert receiver.stop() == 0

    with receiver:
        assert token not in receiver.output.read_text()
        assert sorted(snapshots(tmp_path)) == sorted(stored)
        assert receiver.post(sample("guide"), x_api_token=token).json()["duplicate"] is True


def test_secrets_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    with Receiver(tmp_path, RECEIVER_TOKEN=None):
        for name in ("token", "mongodb.json"):
            assert stat.S_IMODE((tmp_path / ".receiver" / name).stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / ".receiver").stat().st_mode) == 0o700


def test_the_embedded_mongodb_listens_on_loopback_with_passwords(tmp_path: Path) -> None:
    with Receiver(tmp_path) as receiver:
        addresses = {connection.laddr.ip for connection in receiver.mongod().net_connections() if not connection.raddr}
        assert addresses == {"127.0.0.1"}
        state = read_state(tmp_path / ".receiver")
        assert state
        with (
            MongoClient[dict[str, Any]]("127.0.0.1", state.port) as stranger,
            pytest.raises(OperationFailure, match="requires authentication"),
        ):
            stranger["monitoring"]["snapshots"].find_one()
        with MongoClient[dict[str, Any]](state.uri("analyst")) as analyst:
            assert analyst["monitoring"]["snapshots"].find_one() is None
            with pytest.raises(OperationFailure, match="not authorized"):
                analyst["monitoring"]["snapshots"].insert_one({})


def test_after_kill_9_the_mongod_goes_too_and_the_next_start_works(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path).start()
    receiver.post(sample("guide"))
    mongod = receiver.mongod()
    receiver.kill()
    with receiver:
        assert not mongod.is_running()
        assert len(snapshots(tmp_path)) == 1


def test_an_orphaned_mongod_is_replaced(tmp_path: Path) -> None:
    with Receiver(tmp_path) as receiver:
        receiver.post(sample("guide"))
        command = receiver.mongod().cmdline()
    # Started by hand, it has not heard of any parent whose death should be its own.
    with subprocess.Popen(command) as orphan:
        eventually(lambda: not is_free(int(command[command.index("--port") + 1])))
        with receiver:
            assert orphan.wait(5) == 0
            assert len(snapshots(tmp_path)) == 1
        assert "mongod_orphan" in receiver.log.read_text()


def test_a_mongod_or_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    with Receiver(tmp_path) as receiver:
        receiver.mongod().kill()
        eventually(lambda: receiver.post(sample("guide")).status_code == 200)
        (worker,) = eventually(lambda: len(receiver.workers()) == 1 and receiver.workers())
        worker.kill()
        eventually(lambda: receiver.workers() not in ([], [worker]))
        assert receiver.post(sample("guide")).json()["duplicate"] is True


def test_one_receiver_at_a_time_uses_a_data_directory(tmp_path: Path) -> None:
    with Receiver(tmp_path) as receiver:
        second = run(tmp_path, "serve", "--port", "0", RECEIVER_TOKEN=TOKEN)
        assert second.returncode == 1
        assert "Another receiver uses the data directory" in second.stderr
        assert receiver.get("/readyz").status_code == 200


WITHOUT_THE_WHEEL = """
import importlib.util as u
find = u.find_spec
u.find_spec = lambda name, *rest: None if name == "fiftyone" else find(name, *rest)
from receiver.cli import main
main(["serve", "--port", "0"])
"""


def serve_with_mongod_from(path: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a receiver for which there is no wheel, only what is on the PATH."""
    command = [sys.executable, "-c", WITHOUT_THE_WHEEL]
    return subprocess.run(command, cwd=folder, env={"PATH": path}, capture_output=True, text=True, check=False)


def test_without_a_mongod_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    result = serve_with_mongod_from("/nowhere", tmp_path)
    assert result.returncode == 1
    (sentence,) = [line for line in result.stderr.splitlines() if line.startswith("receiver: ")]
    for word in ("RECEIVER_MONGODB_URI", "laravel-receiver[embedded]", "docker compose up"):
        assert word in sentence


def test_a_library_that_is_missing_is_named(tmp_path: Path) -> None:
    fake = tmp_path / "mongod"
    complaint = "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file"
    fake.write_text(f"#!/bin/sh\necho '{complaint}' >&2\nexit 127\n")
    fake.chmod(0o755)
    result = serve_with_mongod_from(f"{tmp_path}:{os.environ['PATH']}", tmp_path)
    assert result.returncode == 1
    assert "needs libcurl.so.4: apt-get install libcurl4" in result.stderr
    assert "Traceback" not in result.stderr


def test_with_an_address_nothing_is_started(tmp_path: Path, mongo_uri: str) -> None:
    with Receiver(tmp_path, RECEIVER_MONGODB_URI=mongo_uri, RECEIVER_DATABASE="nothing_started") as receiver:
        assert receiver.process
        assert [child.name() for child in psutil.Process(receiver.process.pid).children()] != ["mongod"]
        assert not (tmp_path / ".receiver").exists()


@pytest.mark.parametrize(
    ("words", "environment", "sentence"),
    [
        (["serve"], {"RECEIVER_PROT": "1"}, "receiver: Unknown setting RECEIVER_PROT in the environment."),
        (["serve", "--port", "x"], {}, "receiver: Setting port (from --port): Not a valid integer."),
        (["serve", "--config", "no.toml"], {}, "receiver: The settings file no.toml cannot be read"),
        (
            ["serve", "--mongodb-uri", "mongodb://u:hunter2@"],
            {},
            "receiver: Setting mongodb_uri (from --mongodb-uri): not an address",
        ),
        (["serve", "--host", "203.0.113.1"], {}, "receiver: Cannot listen on 203.0.113.1:3001: "),
        (["mongo-uri"], {}, "receiver: There is no embedded MongoDB in .receiver yet"),
    ],
)
def test_a_start_that_cannot_be_ends_with_a_sentence(
    tmp_path: Path, words: list[str], environment: dict[str, str], sentence: str
) -> None:
    result = run(tmp_path, *words, **environment)
    assert result.returncode == 1
    assert result.stderr.startswith(sentence)
    assert "hunter2" not in result.stderr


def test_an_unknown_hypercorn_setting_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "hypercorn.toml").write_text("keep_alive = 5")
    result = run(tmp_path, "serve", "--hypercorn-file", "hypercorn.toml")
    assert result.stderr.startswith("receiver: Unknown setting keep_alive in hypercorn.toml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("backlog = 'x'", "Setting backlog in hypercorn.toml: not of the type"),
        ("workers = 3", "Setting workers in hypercorn.toml: the receiver decides that itself."),
        ("certfile = 'a.pem'", "In hypercorn.toml, certfile and keyfile go together"),
        ("certfile = 'a.pem'\nkeyfile = 'b.pem'", "TLS cannot be set up as hypercorn.toml says: No such file"),
    ],
)
def test_a_faulty_hypercorn_setting_stops_the_start(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "hypercorn.toml").write_text(text)
    result = run(tmp_path, "serve", "--hypercorn-file", "hypercorn.toml")
    assert result.stderr.startswith(f"receiver: {sentence}")


def test_a_file_that_holds_no_token_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / ".receiver").mkdir()
    (tmp_path / ".receiver/token").write_text("\n")
    assert "There is no token in" in run(tmp_path, "serve", "--port", "0").stderr


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert run(tmp_path, "serve", "--port", "0", "--data-dir", "file/x").stderr.startswith(
        "receiver: file/x: Not a dir"
    )


@pytest.mark.parametrize("words", [["", "--system", "x"], ["x", "--system", ""], ["x" * 101], ["x", "--role", "boss"]])
def test_a_token_entry_that_could_not_be_used_is_not_made(tmp_path: Path, words: list[str]) -> None:
    result = run(tmp_path, "token", "new", *words)
    assert (result.returncode, result.stdout) == (1, "")


def fake_mongod(folder: Path) -> str:
    """Make a ``mongod`` that never answers; return a PATH on which it is found."""
    fake = folder / "bin/mongod"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nexec sleep 60\n")
    fake.chmod(0o755)
    return f"{fake.parent}:{os.environ['PATH']}"


def test_kill_9_while_mongod_starts_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_THE_WHEEL]
    with subprocess.Popen(command, cwd=tmp_path, env={"PATH": fake_mongod(tmp_path)}) as starting:
        children = eventually(lambda: len(found := psutil.Process(starting.pid).children()) == 2 and found)
        starting.kill()
    _, alive = psutil.wait_procs(children, 10)
    assert alive == []
    with Receiver(tmp_path) as receiver:
        assert receiver.post(sample("guide")).status_code == 200


def test_sigterm_while_mongod_starts(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_THE_WHEEL]
    with subprocess.Popen(command, cwd=tmp_path, env={"PATH": fake_mongod(tmp_path)}) as starting:
        eventually(lambda: len(psutil.Process(starting.pid).children()) == 2)
        starting.terminate()
        assert starting.wait(10) == 0


def test_a_log_that_nobody_reads_breaks_nothing(tmp_path: Path, mongo_uri: str) -> None:
    receiver = Receiver(tmp_path, RECEIVER_MONGODB_URI=mongo_uri, RECEIVER_DATABASE="no_log")
    reader, writer = os.pipe()
    receiver.log.symlink_to(f"/proc/{os.getpid()}/fd/{writer}")
    with receiver:
        os.close(reader)
        os.close(writer)
        assert receiver.get("/healthz").status_code == 200
        assert receiver.post(sample("guide")).status_code == 200
        (worker,) = receiver.workers()
        worker.kill()
        eventually(lambda: receiver.workers() not in ([], [worker]))
        assert receiver.get("/healthz").status_code == 200
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        client.drop_database("no_log")


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run(tmp_path, "serve", "--port", port)
    assert result.stderr.startswith(f"receiver: Cannot listen on 127.0.0.1:{port}: Address already in use; ")


def test_check_config_shows_where_settings_come_from_and_no_secrets(tmp_path: Path) -> None:
    (tmp_path / "receiver.toml").write_text('port = 1\ntoken = "hunter2"')
    result = run(tmp_path, "check-config", "--config", "receiver.toml", "--workers", "2", RECEIVER_HOST="::1")
    lines = [re.split(r"  +", line) for line in result.stdout.splitlines()]
    assert ["port", "1", "receiver.toml"] in lines
    assert ["host", "::1", "RECEIVER_HOST"] in lines
    assert ["workers", "2", "--workers"] in lines
    assert ["token", "****", "receiver.toml"] in lines
    assert ["database", "monitoring", "default"] in lines


def test_a_new_token_works_once_its_entry_is_pasted(tmp_path: Path, mongo_uri: str) -> None:
    made = run(tmp_path, "token", "new", 'the "shop"', "--system", "shop").stdout
    secret = re.search(r"shown once: (\S+)", made)
    assert secret
    (tmp_path / "receiver.toml").write_text(made[made.index("[[tokens]]") :])
    settings = {"RECEIVER_CONFIG": "receiver.toml", "RECEIVER_TOKEN": None, "RECEIVER_MONGODB_URI": mongo_uri}
    with Receiver(tmp_path, **settings, RECEIVER_DATABASE="new_token") as receiver:
        assert receiver.post(payload(), x_api_token=secret[1]).status_code == 200
        assert receiver.post(payload(), x_api_token=TOKEN).status_code == 401
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        assert client["new_token"]["snapshots"].find_one({}, {"system": 1, "_id": 0}) == {"system": "shop"}
        client.drop_database("new_token")


def test_redaction_and_offsets_are_those_of_the_settings_file(tmp_path: Path, mongo_uri: str) -> None:
    text = 'redact_keys = ["nik"]\n[utc_offsets]\nlaravel_app = 480\n'
    (tmp_path / "receiver.toml").write_text(text)
    # By the window alone this row would be in Jakarta, and seconds old.
    row = {"type": "request", "created_at": "2026-01-15 17:29:00", "content": {"NIK": "1", "password": "kept"}}
    settings = {
        "RECEIVER_CONFIG": "receiver.toml",
        "RECEIVER_MONGODB_URI": mongo_uri,
        "RECEIVER_DATABASE": "own_settings",
    }
    with Receiver(tmp_path, **settings) as receiver, MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
        assert receiver.post(payload(telescope={"recent_entries_data": [row]})).status_code == 200
        document = client["own_settings"]["snapshots"].find_one()
        client.drop_database("own_settings")
    assert document
    (entry,) = document["telescope"]["recent_entries_data"]
    assert entry["content"] == {"NIK": "[redacted]", "password": "kept"}
    assert entry["created_at"] == datetime(2026, 1, 15, 9, 29, tzinfo=UTC)
    assert document["receipt"]["utc_offset_minutes"] == 480


def test_sigterm_lets_a_request_in_flight_finish(tmp_path: Path, mongo_uri: str) -> None:
    body = sample("guide")
    receiver = Receiver(tmp_path, RECEIVER_MONGODB_URI=mongo_uri, RECEIVER_DATABASE="in_flight").start()
    with receiver.connect() as connection:
        connection.sendall(f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body[:100])
        assert receiver.get("/healthz").status_code == 200  # by now the head has been read
        assert receiver.process
        receiver.process.send_signal(signal.SIGTERM)
        eventually(lambda: not accepts(receiver))
        connection.sendall(body[100:])
        assert b"200" in connection.recv(4096).split(b"\r\n")[0]
    assert receiver.process.wait(10) == 0


def accepts(receiver: Receiver) -> bool:
    """Tell whether a new connection is let in."""
    try:
        receiver.connect().close()
    except ConnectionRefusedError:
        return False
    return True


def test_sigterm_does_not_wait_for_a_request_that_stalls(tmp_path: Path, mongo_uri: str) -> None:
    settings = {
        "RECEIVER_MONGODB_URI": mongo_uri,
        "RECEIVER_DATABASE": "stalls",
        "RECEIVER_SHUTDOWN_TIMEOUT_SECONDS": "0.5",
    }
    with Receiver(tmp_path, **settings) as receiver, receiver.connect() as connection, receiver.connect() as idle:
        connection.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n{{".encode())
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(4096)
        assert receiver.stop() == 0
        assert "worker_killed" not in receiver.log.read_text()


def test_what_stalls_or_trickles_is_cut_off(tmp_path: Path, mongo_uri: str) -> None:
    settings = {"RECEIVER_HEADER_TIMEOUT_SECONDS": "0.5", "RECEIVER_BODY_TIMEOUT_SECONDS": "0.5"}
    with Receiver(tmp_path, RECEIVER_MONGODB_URI=mongo_uri, RECEIVER_DATABASE="cut_off", **settings) as receiver:
        with receiver.connect() as silent:
            assert silent.recv(4096) == b""
        with receiver.connect() as headers:
            assert trickle(headers, b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 1000) == b""
        with receiver.connect() as body:
            body.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n".encode())
            answer = trickle(body, b" " * 999)
            assert b"408" in answer.split(b"\r\n")[0]
            assert b"REQUEST_TIMEOUT" in answer


def trickle(connection: socket.socket, data: bytes) -> bytes:
    """Send byte by byte until the other side hangs up; return what it said."""
    connection.settimeout(0.05)
    said = b""
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
            part = connection.recv(4096)
        except TimeoutError:
            continue
        except ConnectionError:
            return said
        if not part:
            return said
        said += part
    raise AssertionError("it was not cut off")


def test_the_real_port_and_several_workers(tmp_path: Path, mongo_uri: str) -> None:
    port = free_port()
    settings = {"RECEIVER_PORT": str(port), "RECEIVER_WORKERS": "3", "RECEIVER_DATABASE": "workers"}
    with Receiver(tmp_path, RECEIVER_MONGODB_URI=mongo_uri, **settings) as receiver:
        assert receiver.address == f"http://127.0.0.1:{port}"
        assert len(receiver.workers()) == 3
        eventually(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200)
    with MongoClient[dict[str, Any]](mongo_uri) as client:
        client.drop_database("workers")


def test_the_data_directory_can_be_moved(tmp_path: Path) -> None:
    with Receiver(tmp_path) as receiver:
        receiver.post(sample("guide"))
    shutil.move(tmp_path / ".receiver", tmp_path / "moved")
    with Receiver(tmp_path, RECEIVER_DATA_DIR=str(tmp_path / "moved")) as receiver:
        assert receiver.post(sample("guide")).json()["duplicate"] is True
