"""The stages of every pipeline are those that somebody has looked at; ``make docs`` writes them again."""

import pytest

from receiver.pipelines.catalogue import CATALOGUE, Recipe
from tests.documents import GOLDEN, golden


@pytest.mark.parametrize("recipe", CATALOGUE.values(), ids=lambda recipe: recipe.name)
def test_the_stages_are_the_golden_ones(recipe: Recipe) -> None:
    assert golden(recipe) == (GOLDEN / f"{recipe.name}.js").read_text(encoding="utf-8")


def test_there_is_no_golden_file_of_nothing() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(CATALOGUE)
