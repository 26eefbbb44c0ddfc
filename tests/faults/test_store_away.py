"""MongoDB is away, at the start or later, or hangs: 503 in time, and back without a restart."""

import concurrent.futures
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support import Receiver, bare_mongod, eventually, free_port, payload, sample

IN_TIME_SECONDS = 5.0


@pytest.fixture
def port() -> int:
    """Where MongoDB will be."""
    return free_port()


@pytest.fixture
def lonely(tmp_path: Path, port: int) -> Iterator[Receiver]:
    """A receiver whose MongoDB is not there yet."""
    with Receiver(
        tmp_path, RECEIVER_MONGODB_URI=f"mongodb://127.0.0.1:{port}", RECEIVER_DATABASE="monitoring"
    ) as running:
        yield running


def assert_unavailable(response: httpx.Response) -> None:
    """Check the answer of a receiver that cannot store."""
    assert response.status_code == 503
    assert response.json()["error_code"] == "STORE_UNAVAILABLE"
    assert int(response.headers["retry-after"]) > 0


def is_ready(receiver: Receiver) -> bool:
    """Ask the receiver whether it could store."""
    return receiver.get("/readyz").status_code == 200


def test_away_at_the_start_and_there_later(lonely: Receiver, tmp_path: Path, port: int) -> None:
    assert lonely.get("/healthz").status_code == 200
    answer = lonely.post(sample("guide"))
    assert_unavailable(answer)
    assert answer.elapsed.total_seconds() < IN_TIME_SECONDS
    reason = lonely.get("/readyz")
    assert_unavailable(reason)
    assert "MongoDB cannot be reached" in reason.json()["message"]
    assert str(port) not in reason.text
    with bare_mongod(tmp_path / "db", port):
        eventually(lambda: is_ready(lonely))
        assert lonely.post(sample("guide")).json()["duplicate"] is False


def test_gone_for_a_while(lonely: Receiver, tmp_path: Path, port: int) -> None:
    with bare_mongod(tmp_path / "db", port):
        assert eventually(lambda: is_ready(lonely))
        lonely.post(sample("guide"))
    assert_unavailable(lonely.post(sample("sender-busy")))
    assert_unavailable(lonely.get("/readyz"))
    with bare_mongod(tmp_path / "db", port):
        eventually(lambda: lonely.post(sample("sender-busy")).status_code == 200)
        assert lonely.post(sample("guide")).json()["duplicate"] is True


def test_hanging_under_many_posts_at_once(lonely: Receiver, tmp_path: Path, port: int) -> None:
    with bare_mongod(tmp_path / "db", port) as mongod:
        eventually(lambda: is_ready(lonely))
        mongod.send_signal(signal.SIGSTOP)
        bodies = [payload(n=n) for n in range(40)]
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            answers = list(pool.map(lonely.post, bodies))
        for answer in answers:
            assert_unavailable(answer)
        mongod.send_signal(signal.SIGCONT)
        eventually(lambda: is_ready(lonely))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lonely.post, bodies))
        assert {answer.status_code for answer in answers} == {200}


def in_flight(receiver: Receiver) -> bool:
    """Tell whether a connection to the receiver's workers is open."""
    port = int(receiver.address.rpartition(":")[2])
    open_ = [
        c for worker in receiver.workers() for c in worker.net_connections("tcp") if c.laddr.port == port and c.raddr
    ]
    return bool(open_)


def test_sigterm_while_mongodb_hangs(lonely: Receiver, tmp_path: Path, port: int) -> None:
    with bare_mongod(tmp_path / "db", port) as mongod:
        eventually(lambda: is_ready(lonely))
        mongod.send_signal(signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(lonely.post, sample("guide"))
            eventually(lambda: in_flight(lonely))
            began = time.monotonic()
            assert lonely.stop() == 0
            assert time.monotonic() - began < 10
            assert_unavailable(answer.result())


def test_a_wrong_password_is_told_without_showing_it(tmp_path: Path, mongo_uri: str) -> None:
    wrong = mongo_uri.replace("mongodb://receiver:", "mongodb://receiver:wrong-")
    with Receiver(tmp_path, RECEIVER_MONGODB_URI=wrong) as receiver:
        said = eventually(lambda: "password" in (answer := receiver.get("/readyz").json()["message"]) and answer)
        assert said == "Not possible now: MongoDB refuses: the user name or password is wrong"
        assert "wrong-" not in receiver.log.read_text()
