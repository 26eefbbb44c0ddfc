"""``receiver pipeline``."""

import difflib
from datetime import datetime, timedelta
from typing import Any

import click

from receiver.clock import utc_now
from receiver.commands.options import span_options
from receiver.errors import ReceiverError
from receiver.pipelines.catalogue import CATALOGUE, Recipe
from receiver.pipelines.mongosh import command, script
from receiver.pipelines.stages import MINUTE, floor_minute

ANY_SYSTEM, ANY_BATCH = "laravel_app", "9fe0d14c-d6ab-4d5e-a4ff-f8e866958500"


@click.command()
@click.argument("name", required=False)
@click.option("--system", help="of which application")
@click.option("--batch-id", help="of which request, job or command")
@span_options
def pipeline(
    name: str | None, system: str | None, batch_id: str | None, start: datetime | None, end: datetime | None
) -> None:
    """Print the pipeline NAME, ready for mongosh; without NAME, list what there is.

    What it needs and was not given (the application, the span) stands as variables on its first line.
    """
    if name is None:
        _list()
        return
    recipe = _find(name)
    for option, value in (("system", system), ("batch_id", batch_id)):
        if value is not None and option not in recipe.parameters:
            raise ReceiverError(f"{recipe.name} takes no --{option.replace('_', '-')}.")
    given = {"system": system, "batch_id": batch_id, "start": start, "end": end, "now": utc_now()}
    if all(given[needed] is None for needed in recipe.parameters if needed != "now"):
        click.echo(script(recipe, ANY_SYSTEM, ANY_BATCH))
        return
    click.echo(command(recipe, _complete(recipe, given)))


def _list() -> None:
    width = max(map(len, CATALOGUE))
    for recipe in CATALOGUE.values():
        click.echo(f"{recipe.name:{width}}  {recipe.question}")


def _find(name: str) -> Recipe:
    if name in CATALOGUE:
        return CATALOGUE[name]
    close = difflib.get_close_matches(name, CATALOGUE, n=1)
    hint = f"did you mean {close[0]}?" if close else "`receiver pipeline` lists them."
    raise ReceiverError(f"There is no pipeline {name}: {hint}")


def _complete(recipe: Recipe, given: dict[str, Any]) -> dict[str, Any]:
    """Add the usual span where none is given; whole minutes are what every pipeline takes."""
    end = floor_minute(given["end"] or given["now"])
    start = floor_minute(given["start"] or end - timedelta(hours=recipe.hours))
    if start >= end:
        raise ReceiverError("--from must be at least a minute before --to.")
    arguments = {**given, "start": start, "end": end, "now": floor_minute(given["now"]) + MINUTE}
    for needed in recipe.parameters:
        if arguments[needed] is None:
            raise ReceiverError(f"{recipe.name} needs --{needed.replace('_', '-')}.")
    return arguments
