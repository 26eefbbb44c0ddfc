"""Structured logs: for people on a terminal, JSON elsewhere; never a token, a body or an exception's text.

An exception's text may quote what was being worked on (``InvalidDocument`` quotes the document), so a line carries
its class and the frames, not its words.
"""

import logging
import sys
import traceback
from types import TracebackType
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

ExceptionInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
FRAMES = 25


def configure_logs(level: str, style: str) -> None:
    """Send structlog's and the standard library's lines to standard error, in one form.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        style: ``console``, ``json`` or ``auto`` (console on a terminal).
    """
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        wordless_exception,
    ]
    structlog.configure(
        processors=[*shared, _renderer(console)],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(console)],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)


def _renderer(console: bool) -> Processor:
    if console:
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(serializer=_to_json)


def _to_json(event: EventDict, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()


def wordless_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace ``exc_info`` by ``exception``, its class, and ``frames``, where it came from."""
    info = event.pop("exc_info", None)
    if not info:
        return event
    kind, _, trace = _exception_info(info)
    if kind is not None:
        event["exception"] = f"{kind.__module__}.{kind.__qualname__}"
        event["frames"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)[-FRAMES:]]
    return event


def _exception_info(info: Any) -> ExceptionInfo:
    if isinstance(info, BaseException):
        return type(info), info, info.__traceback__
    if isinstance(info, tuple):
        return info
    return sys.exc_info()
