"""``python -m tests.documents``: the parts of the documentation that are made from the code.

Such a part stands between ``<!-- name -->`` and ``<!-- /name -->``.
"""

import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from receiver.pipelines.catalogue import CATALOGUE, COOKBOOK, EXAMPLE, Recipe
from receiver.pipelines.mongosh import command, script
from receiver.store.validators import VALIDATORS

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
WIDTH = 120


def cookbook() -> str:
    """Render the recipes: the question, what its answer means, and the command for mongosh."""
    return "\n\n".join(map(_recipe, COOKBOOK))


def _recipe(recipe: Recipe) -> str:
    note = textwrap.fill(f"`{recipe.name}`. {recipe.note}", WIDTH, break_long_words=False, break_on_hyphens=False)
    return f"### {recipe.question}\n\n{note}\n\n```js\n{script(recipe, EXAMPLE['system'], EXAMPLE['batch_id'])}\n```"


def dictionary() -> str:
    """Render the fields of every collection, as the validators describe them."""
    parts = []
    for name, validator in VALIDATORS.items():
        rows = [f"| `{path}` | {types} | {about} |" for path, types, about in fields_of(validator)]
        head = f"### `{name}`: {validator['description']}\n\n| field | BSON type | meaning |\n|---|---|---|\n"
        parts.append(head + "\n".join(rows))
    return "\n\n".join(parts)


def fields_of(described: dict[str, Any], above: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield ``(path, types, meaning)`` of each field below; ``[]`` is an item of a list, ``<type>`` any name."""
    for name, field in described.get("properties", {}).items():
        path = f"{above}{name}"
        if name == "pulse":
            yield path, _types(field), "as `telescope`"
            continue
        yield path, _types(field), field["description"]
        yield from fields_of(field, f"{path}.")
        if "items" in field:
            yield from fields_of(field["items"], f"{path}[].")
        if "properties" in field.get("additionalProperties", {}):
            yield from fields_of(field["additionalProperties"], f"{path}.<type>.")


def _types(field: dict[str, Any]) -> str:
    kinds = field.get("bsonType", "string")
    return kinds if isinstance(kinds, str) else ", ".join(kinds)


# File → its parts, and what renders each.
GENERATED: dict[str, dict[str, Callable[[], str]]] = {
    "docs/analysts.md": {"dictionary": dictionary, "cookbook": cookbook},
}


def generated(file: str) -> str:
    """Return a file's text as it should be: what is between the markers rendered, all else as it is.

    Raises:
        ValueError: it does not have the markers of a part exactly once.
    """
    text = (ROOT / file).read_text(encoding="utf-8")
    for name, render in GENERATED[file].items():
        text = replaced(text, name, render())
    return text


def replaced(text: str, name: str, body: str) -> str:
    """Return a text with another body between the markers of a part.

    Raises:
        ValueError: it does not have them exactly once.
    """
    first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    parts = re.split(f"({re.escape(first)}|{re.escape(last)})", text)
    if parts[1::2] != [first, last]:
        raise ValueError(f"{first.strip()} and {last.strip()} must be there once")
    return f"{parts[0]}{first}\n{body}\n\n{last}{parts[4]}"


def golden(recipe: Recipe) -> str:
    """Return the stages of a recipe as they are to stay, unless somebody means to change them."""
    return command(recipe, EXAMPLE) + "\n"


def main() -> None:
    """Write the files."""
    for file in GENERATED:
        (ROOT / file).write_text(generated(file), encoding="utf-8")
    for recipe in CATALOGUE.values():
        (GOLDEN / f"{recipe.name}.js").write_text(golden(recipe), encoding="utf-8")


if __name__ == "__main__":
    main()
