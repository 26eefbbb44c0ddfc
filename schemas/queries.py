"""What the reading addresses of the API take after the question mark."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from schemas.fields import Timestamp
from schemas.settings import SYSTEM_NAME, Strict, WholeNumber, about

MOST_ITEMS_A_PAGE = 200
MOST_POINTS_A_PAGE = 2000

# Name → minutes.
STEPS = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "6h": 360, "1d": 1440}

# A + that was not encoded arrives as a space.
UNENCODED_PLUS = re.compile(r" (\d\d:?\d\d)\Z")


class Moment(Timestamp):
    """An ISO 8601 moment; without a zone it is read as UTC, a date alone as its midnight."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        if isinstance(value, str):
            value = UNENCODED_PLUS.sub(r"+\1", value)
            value = value if len(value) != len("2026-01-15") else f"{value}T00:00:00"
        return super()._deserialize(value, attr, data, **kwargs)


class Span(Strict):
    """A span of time: ``from`` included, ``to`` excluded."""

    start = Moment(data_key="from", load_default=None, metadata=about("earliest moment, ISO 8601"))
    end = Moment(data_key="to", load_default=None, metadata=about("first moment that is not wanted, ISO 8601"))

    @validates_schema
    def _in_order(self, data: dict[str, Any], **_: Any) -> None:
        start, end = data.get("start"), data.get("end")
        if start is not None and end is not None and start >= end:
            raise ValidationError("Must be after from.", "to")


def page_size(default: int, most: int) -> WholeNumber:
    """Make the field for how many items a page may have."""
    bounds = validate.Range(1, most)
    return WholeNumber(load_default=default, validate=bounds, metadata=about(f"items a page, at most {most}"))


def cursor() -> fields.String:
    """Make the field for where a page begins."""
    return fields.String(load_default=None, metadata=about("`next` of the page before"))


class SystemsQuery(Strict):
    """``GET /api/systems``."""

    limit = page_size(MOST_ITEMS_A_PAGE, MOST_ITEMS_A_PAGE)
    cursor = cursor()


class SnapshotsQuery(Span):
    """``GET /api/snapshots``."""

    system = fields.String(load_default=None, validate=SYSTEM_NAME, metadata=about("only of this application"))
    type = fields.String(
        load_default=None,
        validate=validate.Length(1, 200),
        metadata=about("only those with an entry of this type among their rows, `exception` for example"),
    )
    limit = page_size(50, MOST_ITEMS_A_PAGE)
    cursor = cursor()


class RatesQuery(Span):
    """``GET /api/rates``."""

    system = fields.String(required=True, validate=SYSTEM_NAME, metadata=about("of this application"))
    step = fields.String(
        load_default="1m",
        validate=validate.OneOf(tuple(STEPS)),
        metadata=about("how much time a point stands for: " + ", ".join(f"`{name}`" for name in STEPS)),
    )
    limit = page_size(1500, MOST_POINTS_A_PAGE)
    cursor = cursor()
