"""What comes after the question mark, and where a page goes on."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

import msgspec
from marshmallow import Schema, ValidationError
from quart import Request

from receiver.errors import ErrorCode, Refusal
from schemas.faults import flatten
from schemas.fields import EARLIEST_YEAR, LATEST_YEAR


def load_parameters(request: Request, schema: Schema) -> dict[str, Any]:
    """Check the parameters of a request.

    Raises:
        Refusal: INVALID_DATA, with every fault by its parameter.
    """
    try:
        repeated = [name for name, values in request.args.lists() if len(values) > 1]
        if repeated:
            raise ValidationError({name: ["Given more than once."] for name in repeated})
        loaded: dict[str, Any] = schema.load(request.args.to_dict())
    except ValidationError as error:
        raise invalid(dict(flatten(error.messages_dict))) from None
    return loaded


def invalid(faults: dict[str, list[str]]) -> Refusal:
    """Word what is wrong with the parameters."""
    named = "; ".join(f"{name}: {' '.join(messages)}" for name, messages in faults.items())
    return Refusal(ErrorCode.INVALID_DATA, f"Invalid parameters: {named}", faults)


def write_cursor(position: Any) -> str:
    """Write where the next page begins; nobody is to rely on how."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def read_cursor(cursor: str, kind: Any) -> Any:
    """Read where a page begins.

    Args:
        cursor: as a client sent it.
        kind: the type that it is to be of.

    Raises:
        Refusal: it is no cursor of this address.
    """
    try:
        position = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(position, type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise invalid({"cursor": ["Not a cursor of this address."]}) from None


def utc(moment: datetime) -> datetime:
    """Read a cursor's moment as UTC.

    Raises:
        Refusal: it has no zone, or is of another age, so it is not one that we wrote.
    """
    if moment.tzinfo is None or not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise invalid({"cursor": ["Not a cursor of this address."]})
    return moment.astimezone(UTC)
