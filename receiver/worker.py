"""One worker process: an event loop, the application, Hypercorn."""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import tomllib
from contextlib import suppress
from typing import Any

import structlog
import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config

from receiver.app import create_app
from receiver.errors import SettingsError
from receiver.settings import Settings

log = structlog.get_logger()

BACKLOG = 1024
# What Hypercorn itself may take beyond its grace before the worker leaves without it.
OVERTIME_SECONDS = 1.0


def hypercorn_config(settings: Settings, listener: socket.socket | None = None) -> Config:
    """Make Hypercorn's configuration: its own file, under what the receiver must decide itself.

    Raises:
        SettingsError: the file is not TOML, or names something Hypercorn does not have.
    """
    config = Config()
    config.backlog = BACKLOG
    config.keep_alive_timeout = settings.header_timeout_seconds
    config.include_server_header = False
    config.errorlog = logging.getLogger("hypercorn.error")  # not its own format
    for name, value in _own_settings(settings).items():
        setattr(config, name, value)
    config.graceful_timeout = settings.shutdown_timeout_seconds
    config.workers = 1  # the supervisor makes the workers
    if listener is not None:
        config.bind = [f"fd://{listener.detach()}"]
    return config


def _own_settings(settings: Settings) -> dict[str, Any]:
    file = settings.hypercorn_file
    if not file.exists():
        return {}
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"The settings file {file} is not valid TOML: {error}.") from None
    for name in values:
        if not hasattr(Config, name):
            raise SettingsError(f"Unknown setting {name} in {file}: Hypercorn has no such setting.")
    return values


def run_worker(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM, or until the supervisor is gone. Runs in the forked process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C reaches the whole group; the supervisor answers it
    signal.set_wakeup_fd(-1)
    code = 0
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, listener))
    except Exception:
        log.exception("worker_failed")
        code = 1
    os._exit(code)  # the driver's threads may be waiting for a server that does not answer


async def _serve(settings: Settings, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        loop.add_reader(supervisor.sentinel, stop.set)
    server = asyncio.create_task(
        serve(create_app(settings), hypercorn_config(settings, listener), shutdown_trigger=stop.wait)
    )
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({server, stopping}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait({server}, timeout=settings.shutdown_timeout_seconds + OVERTIME_SECONDS)
    if server.done() and not server.cancelled():
        # Hypercorn cancels what did not end in time and then stumbles over the cancellation: that is a clean end too.
        with suppress(asyncio.CancelledError):
            server.result()
