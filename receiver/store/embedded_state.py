"""What the embedded MongoDB keeps between two runs: its port, and its two users with their passwords."""

import json
import os
import secrets
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure

from receiver.private_files import write_private

FILE = "mongodb.json"
POLL_SECONDS = 0.02
AUTHENTICATION_FAILED = 18
LOCKED_OUT = 3  # exit code of the process that makes the users


@dataclass(frozen=True)
class EmbeddedState:
    """What must survive a restart, kept in ``mongodb.json`` with mode 0600.

    Args:
        port: on loopback; kept, so that saved connections of Compass go on working.
        receiver, analyst: passwords of the two users; ``analyst`` may only read.
    """

    port: int
    receiver: str
    analyst: str

    def uri(self, user: str, database: str = "") -> str:
        """Return the address for a user, ``receiver`` or ``analyst``, and the database to begin in."""
        password = {"receiver": self.receiver, "analyst": self.analyst}[user]
        return f"mongodb://{user}:{password}@127.0.0.1:{self.port}/{database}?authSource=admin&directConnection=true"


def read_state(data_dir: Path) -> EmbeddedState | None:
    """Read the state of the embedded MongoDB; None where there was none yet."""
    try:
        return EmbeddedState(**json.loads((data_dir / FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def settle_state(data_dir: Path) -> EmbeddedState:
    """Read the state, or make one; where the port was taken by somebody else meanwhile, another is chosen."""
    old = read_state(data_dir)
    if old and is_free(old.port):
        return old
    state = EmbeddedState(
        port=_free_port(),
        receiver=old.receiver if old else secrets.token_urlsafe(24),
        analyst=old.analyst if old else secrets.token_urlsafe(24),
    )
    write_private(data_dir / FILE, json.dumps(asdict(state)))
    return state


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_users(state: EmbeddedState, database: str, lock: int, parent: int) -> None:
    """In a process of its own: wait for the server, make its two users if they are not there, and leave.

    Should the receiver die meanwhile, this must not hold on to its lock, nor go on.
    """
    os.close(lock)
    while os.getppid() == parent:
        try:
            _grant(state, database)
        except ConnectionFailure:
            time.sleep(POLL_SECONDS)
        except OperationFailure as error:
            if error.code != AUTHENTICATION_FAILED or not _make_first_user(state):
                os._exit(LOCKED_OUT)
        else:
            os._exit(0)  # without waiting for the driver's threads


def _grant(state: EmbeddedState, database: str) -> None:
    client: MongoClient[dict[str, Any]] = MongoClient(state.uri("receiver"), serverSelectionTimeoutMS=1000)
    reading = [{"role": "read", "db": database}]
    known = client.admin.command("usersInfo", "analyst")["users"]
    command = "updateUser" if known else "createUser"
    client.admin.command(command, "analyst", pwd=state.analyst, roles=reading)


def _make_first_user(state: EmbeddedState) -> bool:
    """Use the door that a server without users keeps open on loopback, for one user only; False where it is closed."""
    client: MongoClient[dict[str, Any]] = MongoClient("127.0.0.1", state.port, directConnection=True)
    try:
        client.admin.command("createUser", "receiver", pwd=state.receiver, roles=["root"])
    except OperationFailure:
        return False
    return True
