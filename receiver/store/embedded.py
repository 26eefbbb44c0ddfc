"""The embedded MongoDB: a real ``mongod`` that lives in the data directory and as long as the receiver.

Nothing in this module may leave a thread behind in the calling process, which forks the workers afterwards: whoever
talks to the server does so in a process of its own.

Source: DESIGN.md, section 8.
"""

import ctypes
import fcntl
import importlib.util
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from receiver.errors import EmbeddedMongoError
from receiver.private_files import make_private_dir
from receiver.store.embedded_state import LOCKED_OUT, POLL_SECONDS, EmbeddedState, make_users, settle_state

log = structlog.get_logger()

START_SECONDS = 120  # recovery of a large journal may take its time
STOP_SECONDS = 8
MIB = 1024 * 1024
LARGEST_LOG_BYTES = 10 * MIB
PR_SET_PDEATHSIG = 1

NO_MONGOD = (
    "There is no MongoDB for this machine: set RECEIVER_MONGODB_URI to one that runs, install the embedded one "
    "(Linux x86-64: pip install 'laravel-receiver[embedded]'), put a mongod on the PATH, or use docker compose up."
)


def find_mongod() -> Path:
    """Find the wheel's ``mongod``, or else one on the PATH.

    Raises:
        EmbeddedMongoError: there is none; says what to do.
    """
    wheel = importlib.util.find_spec("fiftyone")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        binary = Path(folder) / "db" / "bin" / "mongod"
        if binary.is_file():
            _make_executable(binary)
            return binary
    if on_path := shutil.which("mongod"):
        return Path(on_path)
    raise EmbeddedMongoError(NO_MONGOD)


def _make_executable(binary: Path) -> None:
    if not os.access(binary, os.X_OK):
        binary.chmod(binary.stat().st_mode | 0o111)


class EmbeddedMongo:
    """The ``mongod`` of one data directory.

    Args:
        data_dir: is made if it is not there, and locked: one receiver at a time.
        database: the analyst may read this one.
        cache_mb: memory for WiredTiger's cache.

    Raises:
        EmbeddedMongoError: no ``mongod`` on this machine, or another receiver uses the data directory.
    """

    def __init__(self, data_dir: Path, database: str, cache_mb: int) -> None:
        self.binary = find_mongod()
        self.data_dir = data_dir.absolute()
        self.database = database
        self.cache_mb = cache_mb
        self.state: EmbeddedState | None = None
        self._server: subprocess.Popen[bytes] | None = None
        make_private_dir(self.data_dir)
        self._lock = _lock(self.data_dir)

    @property
    def uri(self) -> str:
        """The address with every right, for the receiver itself."""
        if self.state is None:
            raise EmbeddedMongoError("The embedded MongoDB has not been started.")
        return self.state.uri("receiver")

    def is_running(self) -> bool:
        """Tell whether the process is alive."""
        return self._server is not None and self._server.poll() is None

    def start(self, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """Start the server and wait until it answers its users; started again, it keeps its address.

        Args:
            is_wanted: asked while waiting; where it says no, the server is stopped again.

        Raises:
            EmbeddedMongoError: it does not start; says why as far as that can be told.
        """
        folder = self.data_dir / "mongodb"
        make_private_dir(folder)
        _end_orphan(folder)
        self.state = self.state or settle_state(self.data_dir)
        self._server = self._spawn(folder, self.state.port)
        try:
            self._await_users(self.state, is_wanted)
        except BaseException:
            self.stop()
            raise
        log.info("mongod_started", pid=self._server.pid, port=self.state.port)

    def stop(self) -> None:
        """Stop the server cleanly; by force if that takes too long."""
        if self._server is None:
            return
        self._server.terminate()
        try:
            self._server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None
        log.info("mongod_stopped")

    def forget(self) -> None:
        """In a forked worker: let go of the lock, which is the parent's alone."""
        os.close(self._lock)

    def _spawn(self, folder: Path, port: int) -> subprocess.Popen[bytes]:
        logfile = self.data_dir / "mongod.log"
        if logfile.exists() and logfile.stat().st_size > LARGEST_LOG_BYTES:
            logfile.replace(self.data_dir / "mongod.log.1")
        options = {
            "--dbpath": str(folder),
            "--port": str(port),
            "--bind_ip": "127.0.0.1",
            "--logpath": str(logfile),
            # 6.0.5 predates the fix of CVE-2025-14847, which is in the decompression of messages.
            "--networkMessageCompressors": "disabled",
            "--wiredTigerCacheSizeGB": str(self.cache_mb / 1024),
            "--setParameter": "diagnosticDataCollectionEnabled=false",
        }
        words = [word for option in options.items() for word in option]
        with self._complaints.open("wb") as complaints:
            return subprocess.Popen(
                [self.binary, *words, "--auth", "--nounixsocket", "--logappend"],
                stdin=subprocess.DEVNULL,
                stdout=complaints,
                stderr=complaints,
                start_new_session=True,  # a Ctrl-C is the receiver's to answer: requests in flight still need mongod
                preexec_fn=_die_with_parent,
            )

    @property
    def _complaints(self) -> Path:
        return self.data_dir / "mongod.stderr"

    def _await_users(self, state: EmbeddedState, is_wanted: Callable[[], bool]) -> None:
        arguments = (state, self.database, self._lock, os.getpid())
        greeter = multiprocessing.get_context("fork").Process(target=make_users, args=arguments)
        greeter.start()
        deadline = time.monotonic() + START_SECONDS
        while greeter.is_alive() and self.is_running() and is_wanted() and time.monotonic() < deadline:
            greeter.join(POLL_SECONDS)
        if greeter.exitcode != 0:
            greeter.kill()
            greeter.join()
            raise EmbeddedMongoError(self._why_not(locked_out=greeter.exitcode == LOCKED_OUT))

    def _why_not(self, *, locked_out: bool) -> str:
        if locked_out:
            return (
                f"The passwords in {self.data_dir / 'mongodb.json'} are not those of the database beside it: "
                "restore the file, or move the whole data directory away."
            )
        said = self._complaints.read_text(encoding="utf-8", errors="replace")
        code = self._server.poll() if self._server else None
        if "error while loading shared libraries" in said:
            library = said.split("libraries:")[1].split(":")[0].strip()
            return f"The embedded MongoDB needs {library}: apt-get install libcurl4 libssl3, then start again."
        if code == -signal.SIGILL:
            return "The embedded MongoDB needs a processor with AVX: set RECEIVER_MONGODB_URI to a MongoDB elsewhere."
        return f"The embedded MongoDB does not start; the last lines of {self.data_dir / 'mongod.log'} say why."


def _die_with_parent() -> None:
    """In the child, before it becomes mongod: take SIGTERM when the receiver dies, however that happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _lock(data_dir: Path) -> int:
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise EmbeddedMongoError(
            f"Another receiver uses the data directory {data_dir}: stop it, or set RECEIVER_DATA_DIR to another folder."
        ) from None
    return descriptor


def _end_orphan(folder: Path) -> None:
    """End a mongod that outlived its receiver; the data directory's lock makes sure that it is nobody else's."""
    try:
        pid = int((folder / "mongod.lock").read_text(encoding="ascii") or 0)
    except (FileNotFoundError, ValueError):
        return
    for force, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        if not _serves(pid, folder):
            return
        log.warning("mongod_orphan", pid=pid, signal=force.name)
        os.kill(pid, force)
        _wait_until(lambda: not _serves(pid, folder), seconds)


def _serves(pid: int, folder: Path) -> bool:
    """Tell whether the process is a mongod of this folder (and not a stranger that was given the same number)."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return pid > 0 and os.fsencode(folder) in words


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Poll until the condition holds; False when it did not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
