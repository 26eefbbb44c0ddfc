"""The fields that Laravel's own JSON calls for."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

INT64_MAX = 2**63 - 1
# A sender's list holds 100 rows; a million faulty ones would keep marshmallow busy for minutes.
MOST_ITEMS = 10_000
EARLIEST_YEAR, LATEST_YEAR = 2000, 2100


class Timestamp(fields.AwareDateTime):
    """An ISO 8601 moment between 2000 and 2100, loaded as aware UTC; without a zone it is read as UTC."""

    default_error_messages = {"range": f"Year must be between {EARLIEST_YEAR} and {LATEST_YEAR}."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", default_timezone=UTC, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        if not isinstance(value, str):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        moment = super()._deserialize(value, attr, data, **kwargs)
        # Checked before the conversion: year 9999 minus an offset is an OverflowError.
        if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
            raise self.make_error("range")
        return moment.astimezone(UTC)


class Count(fields.Integer):
    """A whole number from 0 that BSON can hold; null stands for unknown."""

    def __init__(self, **kwargs: Any) -> None:
        bounds = validate.Range(min=0, max=INT64_MAX)
        super().__init__(strict=True, allow_none=True, validate=bounds, **kwargs)

    def _validated(self, value: Any) -> int:
        if isinstance(value, str):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Text(fields.String):
    """A string; null is taken where the sender may not know."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_none": True, **kwargs})


def empty_map(value: Any) -> Any:
    """Read PHP's ``[]`` as the empty map it stands for; anything else is returned as it is."""
    return {} if value == [] else value


def not_too_many(value: Any, most: int = MOST_ITEMS) -> None:
    """Refuse a container of more items than any sender has reason to send, before each of them is looked at.

    Raises:
        ValidationError: it has more than ``most``.
    """
    if isinstance(value, dict | list) and len(value) > most:
        raise ValidationError(f"More than {most} items.")


class PhpMap(fields.Dict):
    """A JSON object; PHP writes an empty one as ``[]``.

    Args:
        most: fields it may have.
    """

    def __init__(self, most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.most = most

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Load a value."""
        not_too_many(value, self.most)
        return super().deserialize(empty_map(value), *args, **kwargs)


class PhpNested(fields.Nested):
    """A JSON object with a schema; PHP writes an empty one as ``[]``."""

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Load a value."""
        return super().deserialize(empty_map(value), *args, **kwargs)


class Entries(fields.List[Any]):
    """The rows of a section: a list of at most :data:`MOST_ITEMS` that follow ``schema``, checked in one tight loop.

    marshmallow's nested list costs ten times as much as this loop, and nearly every row is in order. So the loop only
    asks whether a row is *plainly* in order; if one is not, marshmallow itself looks at the whole list and words the
    errors. The schema's fields must therefore load a good value as itself.

    Args:
        schema: of one row; shown by the OpenAPI description.
        plain: field name → the types that are surely in order for it.
    """

    def __init__(self, schema: type[Any], plain: Mapping[str, tuple[type, ...]], **kwargs: Any) -> None:
        super().__init__(PhpNested(schema), **kwargs)
        self.plain = tuple(plain.items())

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        not_too_many(value)
        if type(value) is list and self._all_plain(value):
            return value
        return super()._deserialize(value, attr, data, **kwargs)

    def _all_plain(self, rows: list[Any]) -> bool:
        plain = self.plain
        for row in rows:
            if type(row) is not dict:
                return False
            for name, types in plain:
                if name in row and type(row[name]) not in types:
                    return False
        return True


def utf8(value: str) -> None:
    """Refuse a string that UTF-8 cannot write, such as one with a lone surrogate.

    Raises:
        ValidationError: it cannot.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValidationError("Not valid Unicode text.") from None
