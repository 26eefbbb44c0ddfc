"""One log line a request: outcome, system, bytes, duration, request id.

This wraps the application, so that it also sees what never gets as far as a route, or does not come back from it: a
WebSocket, a target that is no path, a sender that hangs up in the middle of its body.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any

import structlog
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from quart import request

from receiver.clock import Clock
from receiver.errors import ErrorCode, Refusal
from receiver.web.envelope import error_body

log = structlog.get_logger()

LONGEST_PATH = 200
FACTS = "receiver.facts"

App = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Any]


def tell(**facts: Any) -> None:
    """Add to the log line of the request at hand."""
    _facts().update(facts)


def request_id() -> str:
    """Return the id of the request at hand, which is also the answer's ``X-Request-ID``."""
    return str(_facts()["request_id"])


def _facts() -> dict[str, Any]:
    scope: Any = request.scope
    facts: dict[str, Any] = scope[FACTS]
    return facts


class RequestLog:
    """Wraps an ASGI application.

    Args:
        app: to be wrapped.
        clock: what time it is.
    """

    def __init__(self, app: App, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request; lifespan events go straight through."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        line = _Line(scope, send)
        try:
            if scope["type"] == "websocket":
                await self._refuse(line, ErrorCode.NOT_FOUND, "There are no WebSockets here")
            else:
                await self._app(scope, receive, line.send)
        except Exception as error:
            if not scope["path"].startswith("/"):
                await self._refuse(line, ErrorCode.INVALID_DATA, "The request's target is not a path")
            else:
                log.error("fault", request_id=line.facts["request_id"], exc_info=error)
                await self._refuse(line, ErrorCode.SERVER_ERROR, "The receiver failed; its log has the details")
        finally:
            line.write()

    async def _refuse(self, line: "_Line", code: ErrorCode, message: str) -> None:
        line.facts["outcome"] = code
        refusal = Refusal(code, message)
        await line.answer(refusal.status, error_body(refusal, self._clock, line.facts["request_id"]))


class _Line:
    """The log line of one request, as it comes together."""

    def __init__(self, scope: Any, send: Any) -> None:
        self._scope = scope
        self._send = send
        self._started = time.perf_counter()
        self._status: int | None = None
        self.facts: dict[str, Any] = {"request_id": secrets.token_hex(8)}
        scope[FACTS] = self.facts

    async def send(self, event: ASGISendEvent) -> None:
        """Pass an event on; note the status and add the request's id."""
        if event["type"].endswith("response.start"):
            start: Any = event
            self._status = start["status"]
            start["headers"] = [*start["headers"], (b"x-request-id", self.facts["request_id"].encode())]
        await self._send(event)

    async def answer(self, status: int, body: bytes) -> None:
        """Answer in the application's place, unless it has begun to."""
        if self._status is not None:
            return
        kind = "websocket.http" if self._scope["type"] == "websocket" else "http"
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        start: Any = {"type": f"{kind}.response.start", "status": status, "headers": headers}
        end: Any = {"type": f"{kind}.response.body", "body": body, "more_body": False}
        await self.send(start)
        await self._send(end)

    def write(self) -> None:
        if self._status is None:
            self.facts.setdefault("outcome", "hung_up")
        log.info(
            "request",
            method=self._scope.get("method", "GET"),
            path=self._scope["path"][:LONGEST_PATH],
            status=self._status,
            duration_ms=round((time.perf_counter() - self._started) * 1000, 1),
            **self.facts,
        )
