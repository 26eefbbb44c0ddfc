"""One log line a request: outcome, system, bytes, duration, request id."""

import secrets
import time

import structlog
from quart import Quart, Response, g, request

log = structlog.get_logger()

LONGEST_PATH = 200


def register_request_log(app: Quart) -> None:
    """Give each request an id, returned as ``X-Request-ID``, and ``g.facts`` for what its log line shall tell."""

    @app.before_request
    async def _begin() -> None:
        g.request_id = secrets.token_hex(8)
        g.facts = {}
        g.started = time.perf_counter()

    @app.after_request
    async def _end(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        log.info(
            "request",
            method=request.method,
            path=request.path[:LONGEST_PATH],
            status=response.status_code,
            duration_ms=round((time.perf_counter() - g.started) * 1000, 1),
            request_id=g.request_id,
            **g.facts,
        )
        return response
