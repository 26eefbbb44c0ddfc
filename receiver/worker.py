"""One worker process: an event loop, the application, Hypercorn."""

import asyncio
import gc
import logging
import math
import multiprocessing
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config

from receiver.app import create_app
from receiver.errors import SettingsError
from receiver.settings import FIELDS, Settings, read_toml

log = structlog.get_logger()

BACKLOG = 1024
NOT_TO_BE_SET = ("bind", "insecure_bind", "quic_bind", "workers", "graceful_timeout", "worker_class")
# What Hypercorn itself may take beyond its grace before the worker leaves without it.
OVERTIME_SECONDS = 1.0


def hypercorn_config(settings: Settings) -> Config:
    """Make Hypercorn's configuration: its own file, under what the receiver must decide itself.

    Raises:
        SettingsError: the file is not TOML, names something Hypercorn does not have, or its TLS cannot be set up.
    """
    config = Config()
    config.backlog = BACKLOG
    config.keep_alive_timeout = settings.header_timeout_seconds
    config.read_timeout = math.ceil(settings.body_timeout_seconds + OVERTIME_SECONDS)  # HTTP/2 has no other limit
    config.include_server_header = False
    config.errorlog = logging.getLogger("hypercorn.error")  # not its own format
    for name, value in _own_settings(settings.hypercorn_file).items():
        setattr(config, name, value)
    config.graceful_timeout = settings.shutdown_timeout_seconds
    _check_tls(config, settings.hypercorn_file)
    return config


def _own_settings(file: Path) -> dict[str, Any]:
    if not file.exists() and file == Path(FIELDS["hypercorn_file"].load_default):
        return {}
    values = read_toml(file)
    for name, value in values.items():
        if name in NOT_TO_BE_SET:
            raise SettingsError(f"Setting {name} in {file}: the receiver decides that itself.")
        if not hasattr(Config, name):
            raise SettingsError(f"Unknown setting {name} in {file}: Hypercorn has no such setting.")
        if not _is_like(value, getattr(Config, name)):
            raise SettingsError(f"Setting {name} in {file}: not of the type that Hypercorn wants.")
    return values


def _is_like(value: Any, default: Any) -> bool:
    if default is None:
        return True
    return isinstance(value, int | float) if isinstance(default, int | float) else isinstance(value, type(default))


def _check_tls(config: Config, file: Path) -> None:
    if (config.certfile is None) != (config.keyfile is None):
        raise SettingsError(f"In {file}, certfile and keyfile go together: for TLS both are needed.")
    try:
        config.create_ssl_context()
    except OSError as error:  # that of ssl is one too
        raise SettingsError(f"TLS cannot be set up as {file} says: {error.strerror}.") from None


def run_worker(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM, or until the supervisor is gone. Runs in the forked process."""
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
    config = hypercorn_config(settings)
    config.bind = [f"fd://{listener.detach()}"]
    app = create_app(settings)
    gc.collect()
    gc.freeze()  # modules and schemas stay: looking at them again and again paused one answer in six for 20 ms
    server = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({server, stopping}, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait({server}, timeout=settings.shutdown_timeout_seconds + OVERTIME_SECONDS)
    if server.done() and not server.cancelled():
        # Hypercorn cancels what did not end in time and then stumbles over the cancellation: that is a clean end too.
        with suppress(asyncio.CancelledError):
            server.result()
