"""Structured logs: for people on a terminal, JSON elsewhere; never a token, a body or an exception's text.

An exception's text may quote what was being worked on (``InvalidDocument`` quotes the document), so a line carries
its class and the frames, not its words.
"""

import io
import logging
import sys
import traceback
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO, cast

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
    renderer = [printable, _renderer(console)] if console else [_renderer(console)]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        wordless_exception,
    ]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Stream())),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_Stream())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)


class _Stream(io.TextIOBase):
    """Standard error, as long as somebody reads it: a log that cannot be written must not break what it tells of."""

    def write(self, text: str) -> int:
        """Write a line, or let it go."""
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or let it go."""
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Show what a terminal would obey, such as an escape sequence in a path, in the form Python writes it."""
    for name, value in event.items():
        if type(value) is str and not value.isprintable():
            event[name] = repr(value)
    return event


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
