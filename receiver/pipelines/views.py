"""Views: collections that are computed when they are read."""

from receiver.pipelines.stages import SOURCES, Expression, Pipeline

FIGURES = ("per_minute", "basis", "window", "average", "growth", "counted")


def rates_by_type() -> Pipeline:
    """Build flat rows of ``rates``: one a system, minute, source and type.

    It groups nothing and leaves ``system`` and ``minute`` as they are, so that a ``$match`` on them uses the index.

    Returns:
        Stages yielding ``{"system", "minute", "source", "type", "per_minute", "basis", "window", "average", "growth",
        "counted", "complete"}``.

    Reads: rates.
    """
    rows = {"$project": {"_id": 0, "system": 1, "minute": 1, "row": {"$concatArrays": [_rows(s) for s in SOURCES]}}}
    each = {"$unwind": "$row"}
    figures = {name: f"$row.figures.{name}" for name in FIGURES}
    own = {"source": "$row.source", "type": "$row.type", **figures, "complete": "$row.complete"}
    return [rows, each, {"$project": {"system": 1, "minute": 1, **own}}]


def _rows(source: str) -> Expression:
    types = {"$objectToArray": {"$ifNull": [f"${source}.types", {}]}}
    row = {"source": source, "type": "$$this.k", "figures": "$$this.v", "complete": f"${source}.complete"}
    return {"$map": {"input": types, "in": row}}
