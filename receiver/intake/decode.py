"""From bytes to a JSON object: UTF-8 only, no NaN, bounded nesting; of duplicate keys the last wins."""

import json
from typing import Any, NoReturn

import msgspec

from receiver.errors import ErrorCode, Refusal

MAX_DEPTH = 500
# Longer integers cost quadratic time to read; Python itself stops at 4,300 digits.
MAX_INTEGER_DIGITS = 4300


def decode(body: bytes) -> tuple[dict[str, Any], int]:
    """Decode the body of a request.

    Returns:
        The object, and how deeply it nests: 1 to :data:`MAX_DEPTH` levels.

    Raises:
        Refusal: INVALID_DATA; says what is wrong and where, without quoting the body.
    """
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise too_deep() from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        value = _decode_leniently(body)
    if not isinstance(value, dict):
        raise Refusal(ErrorCode.INVALID_DATA, "The body must be a JSON object")
    levels = depth(value, MAX_DEPTH)
    if levels > MAX_DEPTH:
        raise too_deep()
    return value, levels


def _decode_leniently(body: bytes) -> Any:
    """Decode what the fast decoder refuses: lone surrogates are taken here; for the rest the error has a position."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant, parse_int=_integer, parse_float=_float)
    except UnicodeDecodeError as error:
        raise Refusal(ErrorCode.INVALID_DATA, f"The body is not valid UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refusal(ErrorCode.INVALID_DATA, f"The body is not valid JSON ({where})") from None
    except RecursionError:
        raise too_deep() from None


def _no_constant(name: str) -> NoReturn:
    raise Refusal(ErrorCode.INVALID_DATA, f"The body is not valid JSON: {name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_DIGITS:
        raise Refusal(ErrorCode.INVALID_DATA, f"A number has more than {MAX_INTEGER_DIGITS} digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise Refusal(ErrorCode.INVALID_DATA, "A number is too large for a double")
    return number


def too_deep() -> Refusal:
    """Make the refusal of a body that nests too deeply."""
    return Refusal(ErrorCode.INVALID_DATA, f"The body nests deeper than {MAX_DEPTH} levels")


def depth(value: Any, limit: int) -> int:
    """Count how deeply containers nest; level by level, so that no recursion can overflow.

    Returns:
        0 for a scalar, 1 for an empty container; at most ``limit + 1``, where counting stops.
    """
    level = [value]
    for levels in range(limit + 1):
        level = [item for item in level if type(item) is dict or type(item) is list]
        if not level:
            return levels
        level = [item for box in level for item in (box.values() if type(box) is dict else box)]
    return limit + 1
