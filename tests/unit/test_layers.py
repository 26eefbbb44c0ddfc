"""Imports go down only, and each library is used in its own room."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# From the roof to the ground: a module may import from its own room and from those below it.
FLOORS = (
    ("receiver.__main__",),
    ("receiver.cli",),
    ("receiver.commands",),
    ("receiver.simulator",),
    ("receiver.sending",),
    ("receiver.supervisor",),
    ("receiver.worker",),
    ("receiver.app",),
    ("receiver.web", "receiver.dashboard"),
    ("receiver.intake", "receiver.alerting"),
    ("receiver.store",),
    ("receiver.pipelines",),
    ("receiver.settings", "receiver.logs"),
    ("receiver.private_files", "receiver.errors", "receiver.clock"),
    ("schemas",),
    ("receiver",),  # the version
)

# Library → the only rooms that may import it.
ROOMS = {
    "motor": ("receiver.store",),
    "pymongo": ("receiver.store",),
    "bson": ("receiver.store",),
    "quart": ("receiver.app", "receiver.web", "receiver.dashboard"),
    "hypercorn": ("receiver.worker", "receiver.web"),
    "marshmallow": ("schemas", "receiver.settings", "receiver.web", "receiver.commands"),
    "click": ("receiver.cli", "receiver.commands"),
    "httpx": ("receiver.sending",),
}

FILES = sorted([*ROOT.glob("receiver/**/*.py"), *ROOT.glob("schemas/**/*.py")])


def module_name(file: Path) -> str:
    """Return the dotted name of a module."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """Return the room a module is in: the longest of the listed names that it is, or is below."""
    names = [name for floor in FLOORS for name in floor if module == name or module.startswith(name + ".")]
    return max(names, key=len)


def floor(module: str) -> int:
    """Return how many floors are above a module's."""
    return next(number for number, names in enumerate(FLOORS) if room(module) in names)


def imports(file: Path) -> Iterator[str]:
    """Yield every module that a file imports, at the top or anywhere."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            for name in node.names:
                below = f"{node.module}.{name.name}"
                is_module = (ROOT / below.replace(".", "/")).with_suffix(".py").exists()
                yield below if is_module else str(node.module)


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_imports_go_down(file: Path) -> None:
    here = module_name(file)
    ours = [name for name in imports(file) if name.split(".")[0] in ("receiver", "schemas")]
    wrong = [name for name in ours if room(name) != room(here) and floor(name) <= floor(here)]
    assert wrong == []


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_libraries_stay_in_their_rooms(file: Path) -> None:
    here = module_name(file)
    wrong = [
        name for name in imports(file) if name.split(".")[0] in ROOMS and room(here) not in ROOMS[name.split(".")[0]]
    ]
    assert wrong == []


def test_the_store_does_not_know_who_calls_it() -> None:
    assert floor("receiver.store.connection") > floor("receiver.intake.writer") > floor("receiver.web.monitoring")


def test_an_upward_import_would_be_seen() -> None:
    assert floor("receiver.web.monitoring") <= floor("receiver.store.layout")
    assert "receiver.store.connection" in imports(ROOT / "receiver/intake/writer.py")
