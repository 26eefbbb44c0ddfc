"""The parent process: starts the embedded MongoDB and the workers, restarts what dies, stops everything in order.

It runs no event loop and no threads, so that it may fork at any time, and does nothing that could make it die itself.
"""

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

import structlog

from receiver.errors import EmbeddedMongoError, ReceiverError
from receiver.settings import Settings
from receiver.store.embedded import EmbeddedMongo
from receiver.worker import BACKLOG, OVERTIME_SECONDS, run_worker

log = structlog.get_logger()

POLL_SECONDS = 1.0
# A worker or mongod that dies sooner than this after its start is not started again at once.
SHORT_LIFE_SECONDS = 2.0
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FORK = multiprocessing.get_context("fork")


def bind(settings: Settings) -> socket.socket:
    """Listen on the configured address.

    Raises:
        ReceiverError: the address is taken, or is not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        where = f"{settings.host}:{settings.port}"
        way_out = "stop what does, or choose another with --port or RECEIVER_PORT"
        raise ReceiverError(f"Cannot listen on {where}: {error.strerror}; {way_out}.") from None
    listener.listen(BACKLOG)
    return listener


class Supervisor:
    """Keeps ``settings.workers`` workers, and the embedded MongoDB where there is one, alive until told to stop.

    Args:
        settings: effective; where ``mongodb_uri`` is None an embedded MongoDB is started.
        listener: where they accept connections, from :func:`bind`.
        announce: called once, when the workers have been started.
        companion: runs in a process of its own beside them; it is not started again.
    """

    def __init__(
        self,
        settings: Settings,
        listener: socket.socket,
        announce: Callable[[], None],
        companion: Callable[[], None] | None = None,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._announce = announce
        self._companion = companion
        self._beside: BaseProcess | None = None
        self._mongo: EmbeddedMongo | None = None
        self._workers: dict[int, BaseProcess | None] = dict.fromkeys(range(settings.workers))
        self._started: dict[int | str, float] = {}
        self._stopping = False
        self._wakeup, self._bell = socket.socketpair()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; returns when everything has stopped.

        Raises:
            ReceiverError: the embedded MongoDB is not to be had.
        """
        self._listen_for_signals()
        try:
            self._start_mongo()
            self._start_workers()
            if not self._stopping:
                self._announce()
                self._start_companion()
                log.info("listening", address="{}:{}".format(*self._listener.getsockname()[:2]))
            while not self._stopping:
                self._wait()
                self._revive()
        finally:
            self._stop()

    def _listen_for_signals(self) -> None:
        self._bell.setblocking(False)
        signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        for number in STOPPING:
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # rings the bell, so that a death is seen at once

    def _is_wanted(self) -> bool:
        return not self._stopping

    def _on_stop(self, *_: object) -> None:
        self._stopping = True

    def _wait(self) -> None:
        if self._wakeup in wait([self._wakeup], POLL_SECONDS):
            self._wakeup.recv(4096)

    def _start_mongo(self) -> None:
        if self._settings.mongodb_uri is not None:
            return
        settings = self._settings
        self._mongo = EmbeddedMongo(settings.data_dir, settings.database, settings.embedded_cache_mb)
        self._started["mongod"] = time.monotonic()
        try:
            self._mongo.start(self._is_wanted)
        except EmbeddedMongoError:
            if self._stopping:
                return
            raise
        self._settings = replace(settings, mongodb_uri=self._mongo.uri)

    def _start_workers(self) -> None:
        for number, worker in self._workers.items():
            if worker is None and not self._stopping:
                self._workers[number] = self._fork_worker(number)

    def _start_companion(self) -> None:
        if self._companion is not None:
            self._beside = self._fork(self._companion)

    def _fork_worker(self, number: int) -> BaseProcess:
        self._started[number] = time.monotonic()
        return self._fork(lambda: run_worker(self._settings, self._listener))

    def _fork(self, work: Callable[[], None]) -> BaseProcess:
        process = FORK.Process(target=self._become, args=(work,))
        # A signal between the fork and the child's own handlers would be lost to the handlers it inherits.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        return process

    def _become(self, work: Callable[[], None]) -> None:
        """In the child: let go of what is the supervisor's, then work."""
        for number in (signal.SIGHUP, signal.SIGINT):  # the whole group gets them; the supervisor answers
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGCHLD, signal.SIGTERM):  # until the event loop listens itself
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        self._wakeup.close()
        self._bell.detach()
        if self._mongo:
            self._mongo.forget()
        work()

    def _revive(self) -> None:
        if self._stopping:
            return
        if self._mongo and not self._mongo.is_running() and self._may_start("mongod"):
            self._revive_mongo(self._mongo)
        for number, worker in self._workers.items():
            if worker and not worker.is_alive() and self._may_start(number):
                log.error("worker_died", worker=number, exit_code=worker.exitcode)
                self._workers[number] = self._fork_worker(number)

    def _may_start(self, number: int | str) -> bool:
        return time.monotonic() - self._started[number] > SHORT_LIFE_SECONDS

    def _revive_mongo(self, mongo: EmbeddedMongo) -> None:
        log.error("mongod_died")
        self._started["mongod"] = time.monotonic()
        try:
            mongo.start(self._is_wanted)
        except (EmbeddedMongoError, OSError) as error:
            log.error("mongod_not_started", reason=str(error))

    def _stop(self) -> None:
        self._listener.close()  # with the workers' own copies closed too, nobody is let in any more
        alive = [worker for worker in (*self._workers.values(), self._beside) if worker and worker.is_alive()]
        for worker in alive:
            worker.terminate()
        deadline = time.monotonic() + self._settings.shutdown_timeout_seconds + 2 * OVERTIME_SECONDS
        for worker in alive:
            worker.join(max(0.0, deadline - time.monotonic()))
            if worker.is_alive():
                log.error("worker_killed", pid=worker.pid)
                worker.kill()
                worker.join()
        if self._mongo:
            self._mongo.stop()
        log.info("stopped", pid=os.getpid())
