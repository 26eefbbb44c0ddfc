"""What people paste into mongosh, run in mongosh."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from bson import json_util

ROOT = Path(__file__).parents[1]
# `make test` installs it there.
MONGOSH = ROOT / ".venv/mongosh/node_modules/.bin/mongosh"
# It has a home of its own in which it leaves nothing and tells nobody.
SILENCE = {"enableTelemetry": False, "updateURL": "", "disableLogging": True}
AWARE: json_util.JSONOptions = json_util.JSONOptions(tz_aware=True)
DEADLINE_SECONDS = 120


def documented(part: str, file: str = "docs/analysts.md") -> dict[str, str]:
    """Return the blocks in a part of the documentation, by the name that stands before each."""
    text = (ROOT / file).read_text(encoding="utf-8").split(f"<!-- {part} -->")[1]
    return dict(re.findall(r"^`(\w+)`\..*?^```js\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


def with_values(block: str, arguments: Mapping[str, Any]) -> str:
    """Give the variables in a block's first line other values."""
    first, rest = block.split("\n", 1)
    assert first.startswith("var ")
    names = re.findall(r"(\w+) = ", first)
    return f"var {', '.join(f'{name} = {_literal(arguments[name])}' for name in names)};\n{rest}"


def _literal(value: Any) -> str:
    return f"new Date({int(value.timestamp() * 1000)})" if isinstance(value, datetime) else json.dumps(value)


def run_mongosh(uri: str, database: str, blocks: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Run blocks that end in an aggregation, all in one mongosh.

    Args:
        uri: of the server.
        database: in which.
        blocks: by name.
        folder: to be its home.

    Returns:
        What each yields, by name. The type of a number is lost: to mongosh they are all the same.
    """
    if not MONGOSH.exists() or not shutil.which("node"):
        pytest.skip("there is no mongosh; `make test` installs it where there is npm")
    home = folder / ".mongodb/mongosh"
    home.mkdir(parents=True)
    (home / "config").write_text(json.dumps(SILENCE))
    file = folder / "blocks.js"
    file.write_text(f"use({json.dumps(database)});\n" + "".join(_printing(*block) for block in blocks.items()))
    ran = subprocess.run(
        [MONGOSH, "--quiet", "--norc", uri, "--file", file],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    lines = (line.split(" ", 1) for line in ran.stdout.splitlines())
    return {name: json_util.loads(answer, json_options=AWARE) for name, answer in lines}


def _printing(name: str, block: str) -> str:
    """Let a block print its name and what its aggregation yields, on one line."""
    settings, separator, aggregation = block.rpartition(";\n")
    answer = f"EJSON.stringify(({aggregation}).toArray(), {{ relaxed: false }})"
    return f"{settings}{separator}print({json.dumps(name)} + ' ' + {answer});\n"
