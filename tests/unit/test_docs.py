"""The documentation tells what there is: every setting, command, route, index and error code."""

import json
import re
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from receiver.app import create_app
from receiver.cli import main
from receiver.errors import STATUS, ErrorCode
from receiver.intake.facts import FACTS
from receiver.pipelines.catalogue import COOKBOOK, Recipe
from receiver.settings import FIELDS, load_settings
from receiver.store.layout import Retention, layouts
from schemas.settings import REDACT_KEYS
from tests.documents import GENERATED, generated, replaced

ROOT = Path(__file__).parents[2]
DOCS = {path.name: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]}
EVERYTHING = "\n".join(DOCS.values())


def test_the_table_of_settings_is_that_of_the_schema() -> None:
    table = DOCS["deployment.md"].split("## Tokens")[0]
    rows = re.findall(r"^\| `(\w+)` \| ?(.*?) ?\| (.*) \|$", table, re.MULTILINE)
    assert rows == [
        (name, f"`{field.load_default}`" if is_shown(field.load_default) else "", field.metadata["description"])
        for name, field in FIELDS.items()
    ]


def is_shown(default: object) -> bool:
    """Tell whether a default stands in the table: nothing does not, and a list has a place of its own."""
    return default is not None and not callable(default)


def test_the_list_of_redacted_keys_is_shown() -> None:
    for key in REDACT_KEYS:
        assert f"`{key}`" in DOCS["deployment.md"]


def test_the_table_of_facts_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| (\w+) \| `(\w+)` \| (.*) \|$", DOCS["analysts.md"], re.MULTILINE)
    documented = {(source, kind): re.findall(r"`(\w+)`", facts) for source, kind, facts in rows}
    extracted = {(source, kind): list(extract({}, {})) for source in FACTS for kind, extract in FACTS[source].items()}
    assert documented == extracted


def commands(group: click.Group, path: str = "receiver") -> list[str]:
    """List all commands with their path."""
    found = []
    for name, command in group.commands.items():
        below = f"{path} {name}"
        found += commands(command, below) if isinstance(command, click.Group) else [below]
    return found


@pytest.mark.parametrize("command", commands(main))
def test_every_command_is_documented_and_has_help(command: str) -> None:
    assert command in EVERYTHING
    result = CliRunner().invoke(main, [*command.split()[1:], "--help"])
    assert result.exit_code == 0


def test_every_route_is_documented() -> None:
    app = create_app(load_settings({"RECEIVER_MONGODB_URI": "mongodb://127.0.0.1"}).settings)
    for rule in app.url_map.iter_rules():
        assert rule.rule in EVERYTHING


def test_every_index_is_documented() -> None:
    for layout in layouts(Retention(30, 90, 400)):
        assert f"**`{layout.name}`**" in DOCS["architecture.md"]
        for index in layout.indexes:
            assert f"| `{index.document['name']}` |" in DOCS["architecture.md"]


def test_every_error_code_has_a_status_and_is_documented() -> None:
    assert set(STATUS) == set(ErrorCode)
    raised = set(ErrorCode) - {ErrorCode.RATE_LIMITED}  # reserved by the contract
    for code in raised:
        assert f"`{code}`" in DOCS["README.md"]


def test_links_lead_somewhere() -> None:
    for name, text in DOCS.items():
        folder = ROOT if name == "README.md" else ROOT / "docs"
        for target in re.findall(r"\]\(([^)#:]+)[^)]*\)", text):
            assert (folder / target).exists(), f"{name}: {target}"


def test_the_shipped_settings_file_is_valid() -> None:
    assert load_settings({}, file=ROOT / "config/receiver.toml").settings.port == 3001


def test_compose_names_only_what_there_is() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    receiver, mongodb = compose["services"]["receiver"], compose["services"]["mongodb"]
    assert (ROOT / receiver["build"]["dockerfile"]).exists()
    load_settings({name: re.sub(r"\$\{.*?\}", "x", value) for name, value in receiver["environment"].items()})
    volumes = [volume.split(":")[0] for service in (receiver, mongodb) for volume in service["volumes"]]
    for volume in volumes:
        assert volume in compose["volumes"] or (ROOT / volume).exists()
    wanted = set(re.findall(r"\$\{(\w+)", json.dumps(compose)))
    for name in wanted:
        assert name in DOCS["deployment.md"]


def test_the_image_copies_only_what_there_is() -> None:
    for line in (ROOT / "config/Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists()


@pytest.mark.parametrize("file", GENERATED)
def test_what_is_made_from_the_code_is_up_to_date(file: str) -> None:
    assert (ROOT / file).read_text(encoding="utf-8") == generated(file), "run `make docs`"


def test_a_part_is_replaced_and_nothing_else() -> None:
    text = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n"
    assert replaced(text, "x", "new") == "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb\n"
    assert replaced(replaced(text, "x", "new"), "x", "new") == replaced(text, "x", "new")
    for wrong in ("a\n", text + text, "<!-- /x -->\n<!-- x -->\n"):
        with pytest.raises(ValueError, match="must be there once"):
            replaced(wrong, "x", "new")


@pytest.mark.parametrize("recipe", COOKBOOK, ids=lambda recipe: recipe.name)
def test_every_recipe_asks_a_question_and_explains_its_answer(recipe: Recipe) -> None:
    assert re.fullmatch(r"[A-Z].*\?", recipe.question)
    assert re.fullmatch(r"[`A-Z].*\.", recipe.note)
