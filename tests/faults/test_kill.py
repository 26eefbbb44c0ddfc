"""What was answered 200 survives kill -9 of the receiver, stored exactly once."""

import concurrent.futures
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from receiver.store.embedded_state import read_state
from tests.support import Receiver, eventually, payload

POSTS = 200
SENDERS = 200
ROUNDS = int(os.environ.get("RECEIVER_TEST_ROUNDS", "1"))


def post_and_remember(receiver: Receiver, number: int, acknowledged: list[int]) -> None:
    """Post a snapshot of some size, once; remember its number if the answer was 200."""
    rows = [{"type": "query", "content": {"sql": "select 1", "n": n}} for n in range(50)]
    body = json.dumps(payload(n=number, telescope={"recent_entries_data": rows})).encode()
    try:
        answer = receiver.post(body)
    except httpx.HTTPError:
        return
    if answer.status_code == 200:
        acknowledged.append(number)


def stored(folder: Path) -> Counter[int]:
    """Count the stored snapshots by what is in them: the same one stored twice would count two."""
    state = read_state(folder / ".receiver")
    assert state
    with MongoClient[dict[str, Any]](state.uri("analyst")) as client:
        return Counter(document["n"] for document in client["monitoring"]["snapshots"].find({}, {"n": 1}))


@pytest.mark.parametrize("killed", ["receiver", "worker", "mongod"])
@pytest.mark.parametrize("round_", range(ROUNDS))
def test_kill_9_in_the_middle_of_200_posts(tmp_path: Path, killed: str, round_: int) -> None:
    receiver = Receiver(tmp_path).start()
    acknowledged: list[int] = []
    with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
        posts = [pool.submit(post_and_remember, receiver, round_ * POSTS + n, acknowledged) for n in range(POSTS)]
        eventually(lambda: len(acknowledged) > POSTS // 4)
        if killed == "receiver":
            receiver.kill()
        else:
            (receiver.mongod() if killed == "mongod" else receiver.workers()[0]).kill()
        concurrent.futures.wait(posts)
    if killed == "receiver":
        receiver.start()
    with receiver:
        eventually(lambda: receiver.get("/readyz").status_code == 200)
        found = stored(tmp_path)
        assert set(acknowledged) <= set(found)
        assert set(found.values()) == {1}
        before = sum(found.values())
        again: list[int] = []
        for number in range(round_ * POSTS, (round_ + 1) * POSTS):
            post_and_remember(receiver, number, again)
        assert len(set(again)) == POSTS
        assert set(stored(tmp_path)) == set(again) >= set(found)
        assert len(acknowledged) <= before <= POSTS
