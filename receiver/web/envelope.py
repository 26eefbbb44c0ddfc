"""The one shape of every answer, and how each kind of failure gets into it."""

from typing import Any

import msgspec
from quart import Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from receiver.clock import Clock, iso_utc
from receiver.errors import ErrorCode, Refusal, StoreUnavailable

RETRY_AFTER_SECONDS = 5

# What Quart and Werkzeug raise themselves.
FRAMEWORK_ERRORS = {
    400: (ErrorCode.INVALID_DATA, "The request cannot be read"),
    404: (ErrorCode.NOT_FOUND, "There is nothing at this address; snapshots are posted to /api/monitoring"),
    405: (ErrorCode.METHOD_NOT_ALLOWED, "This address takes another method, see the header Allow"),
    408: (ErrorCode.REQUEST_TIMEOUT, "The body took too long to arrive"),
    413: (ErrorCode.PAYLOAD_TOO_LARGE, "The body is larger than this receiver takes"),
    415: (ErrorCode.UNSUPPORTED_MEDIA_TYPE, "The body has a form that this receiver does not take"),
    429: (ErrorCode.RATE_LIMITED, "Too many requests"),
}


def answer(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Make a JSON answer."""
    return Response(to_json(body), status, headers, content_type="application/json")


def to_json(body: dict[str, Any]) -> bytes:
    """Write an answer; the line end is for people with curl."""
    return msgspec.json.encode(body, enc_hook=_plain) + b"\n"


def _plain(value: Any) -> int | str:
    """Write the driver's own kind of integer as one; of other kinds that somebody put into the database, the text."""
    return int(value) if isinstance(value, int) else str(value)


def error_body(refusal: Refusal, clock: Clock, request_id: str) -> bytes:
    """Write the body of an error."""
    body: dict[str, Any] = {
        "success": False,
        "message": refusal.message,
        "error_code": refusal.code,
        "timestamp": iso_utc(clock()),
    }
    if refusal.errors:
        body["errors"] = refusal.errors
    if refusal.code is ErrorCode.SERVER_ERROR:
        body["request_id"] = request_id
    return to_json(body)


def framework_refusal(error: HTTPException) -> Refusal:
    """Word what Quart or Werkzeug raised."""
    code, message = FRAMEWORK_ERRORS.get(error.code or 400, FRAMEWORK_ERRORS[400])
    allowed = error.valid_methods if isinstance(error, MethodNotAllowed) else None
    return Refusal(code, message, headers={"Allow": ", ".join(sorted(allowed))} if allowed else {})


def store_refusal(error: StoreUnavailable) -> Refusal:
    """Word why nothing can be stored now."""
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Refusal(ErrorCode.STORE_UNAVAILABLE, f"Not possible now: {error}", headers=retry)
