"""The one shape of every answer, and how each kind of failure gets into it."""

from typing import Any

import msgspec
import structlog
from quart import Quart, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from receiver.clock import Clock, iso_utc
from receiver.errors import ErrorCode, Refusal, StoreUnavailable

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 5

# What Quart and Werkzeug raise themselves.
FRAMEWORK_ERRORS = {
    400: (ErrorCode.INVALID_DATA, "The request cannot be read"),
    404: (ErrorCode.NOT_FOUND, "There is nothing at this address"),
    405: (ErrorCode.METHOD_NOT_ALLOWED, "This address does not take this method"),
    408: (ErrorCode.REQUEST_TIMEOUT, "The body took too long to arrive"),
    413: (ErrorCode.PAYLOAD_TOO_LARGE, "The body is larger than this receiver takes"),
    415: (ErrorCode.UNSUPPORTED_MEDIA_TYPE, "The body has a form that this receiver does not take"),
    429: (ErrorCode.RATE_LIMITED, "Too many requests"),
}


def answer(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Make a JSON answer; the line end is for people with curl."""
    return Response(msgspec.json.encode(body) + b"\n", status, headers, content_type="application/json")


def register_error_answers(app: Quart, clock: Clock) -> None:
    """Have every failure, on every path, answered in the envelope."""

    def refused(refusal: Refusal) -> Response:
        g.facts["outcome"] = refusal.code
        body: dict[str, Any] = {
            "success": False,
            "message": refusal.message,
            "error_code": refusal.code,
            "timestamp": iso_utc(clock()),
        }
        if refusal.errors:
            body["errors"] = refusal.errors
        if refusal.code is ErrorCode.SERVER_ERROR:
            body["request_id"] = g.request_id
        return answer(body, refusal.status, refusal.headers)

    @app.errorhandler(Refusal)
    async def _refusal(error: Refusal) -> Response:
        return refused(error)

    @app.errorhandler(StoreUnavailable)
    async def _store_unavailable(error: StoreUnavailable) -> Response:
        g.facts["reason"] = str(error)
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return refused(Refusal(ErrorCode.STORE_UNAVAILABLE, f"Cannot store now: {error}", headers=retry))

    @app.errorhandler(HTTPException)
    async def _framework(error: HTTPException) -> Response:
        code, message = FRAMEWORK_ERRORS.get(error.code or 400, FRAMEWORK_ERRORS[400])
        return refused(Refusal(code, message, headers=_allow(error)))

    @app.errorhandler(Exception)
    async def _fault(error: Exception) -> Response:
        log.error("fault", request_id=g.request_id, exc_info=error)
        message = "The receiver failed; its log has the details under this request_id"
        return refused(Refusal(ErrorCode.SERVER_ERROR, message))


def _allow(error: HTTPException) -> dict[str, str]:
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        return {"Allow": ", ".join(sorted(error.valid_methods))}
    return {}
