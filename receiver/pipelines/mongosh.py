"""Pipelines as people paste them into mongosh."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from receiver.pipelines.catalogue import Recipe
from receiver.pipelines.stages import Pipeline

WIDEST = 100
INDENT = "  "
BARE_KEY = re.compile(r"\A[A-Za-z_$][\w$]*\Z")

# Stand for the variables of a script: no argument that a person gives is like them.
SYSTEM, BATCH = "\0system", "\0batch_id"
START, END = datetime(1000, 1, 1, tzinfo=UTC), datetime(1000, 2, 1, tzinfo=UTC)
NOW = datetime(1000, 3, 1, tzinfo=UTC)
VARIABLES = {"system": SYSTEM, "start": START, "end": END, "now": NOW, "batch_id": BATCH}
NAMES: Mapping[Any, str] = {value: name for name, value in VARIABLES.items()}
LAST_VARIABLE = datetime(1001, 1, 1, tzinfo=UTC)


def command(recipe: Recipe, arguments: Mapping[str, Any]) -> str:
    """Write ``db.COLLECTION.aggregate([…])`` with the arguments in it."""
    return _aggregate(recipe.collection, recipe.stages(dict(arguments)))


def script(recipe: Recipe, system: str, batch_id: str) -> str:
    """Write the same with variables, and a line before that sets them: a span that ends now."""
    values = {
        "system": json.dumps(system),
        "end": "new Date(Math.floor(Date.now() / 60000) * 60000)" if recipe.is_by_minute else "new Date()",
        "now": "new Date()",
        "start": f"new Date(end - {recipe.hours} * 60 * 60 * 1000)",
        "batch_id": json.dumps(batch_id),
    }
    settings = ", ".join(f"{name} = {value}" for name, value in values.items() if name in recipe.parameters)
    return (f"var {settings};\n" if settings else "") + _aggregate(recipe.collection, recipe.stages(VARIABLES))


def _aggregate(collection: str, pipeline: Pipeline) -> str:
    return f"db.{collection}.aggregate({render(pipeline)})"


def render(value: Any, depth: int = 0) -> str:
    """Write a value as mongosh reads it: on one line if that is short, else one item a line.

    Args:
        value: of a pipeline.
        depth: of the line it begins on.
    """
    flat = _flat(value)
    if not isinstance(value, dict | list) or not value or len(INDENT) * depth + len(flat) <= WIDEST:
        return flat
    inner = INDENT * (depth + 1)
    if isinstance(value, dict):
        items = [f"{_key(key)}: {render(below, depth + 1)}" for key, below in value.items()]
        return "{\n" + ",\n".join(inner + item for item in items) + f"\n{INDENT * depth}}}"
    return "[\n" + ",\n".join(inner + render(item, depth + 1) for item in value) + f"\n{INDENT * depth}]"


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        items = ", ".join(f"{_key(key)}: {_flat(below)}" for key, below in value.items())
        return f"{{ {items} }}" if items else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flat, value))}]"
    if isinstance(value, datetime):
        return _date(value)
    if isinstance(value, float) and value.is_integer():
        return f"Double({value:.0f})"  # JavaScript knows one kind of number, and mongosh sends 0.0 as an integer
    return NAMES.get(value) or json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    return key if BARE_KEY.match(key) else json.dumps(key)


def _date(moment: datetime) -> str:
    if moment in NAMES:
        return NAMES[moment]
    if moment > LAST_VARIABLE:
        return f'ISODate("{moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")}Z")'
    name, distance = min((("start", moment - START), ("end", moment - END)), key=lambda one: abs(one[1]))
    minutes = abs(distance) // timedelta(minutes=1)
    return f"new Date({name}.getTime() {'-' if distance < timedelta() else '+'} {minutes} * 60 * 1000)"
