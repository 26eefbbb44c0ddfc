"""The comparison that the fuzz test relies on notices what is lost."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions

from receiver.intake.document import Arrival, build_snapshot
from receiver.intake.redact import Redaction
from schemas.settings import REDACT_KEYS
from schemas.snapshot import SnapshotSchema
from tests.differential import Differences
from tests.support import sample

SENT = json.loads(sample("sender-busy"))


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    """The document that the busy sample is stored as."""
    arrival = Arrival("id", "laravel_app", datetime.now(UTC), 1, "token", 10)
    loaded: Any = SnapshotSchema().load(copy.deepcopy(SENT))
    encoded = build_snapshot(loaded, arrival, Redaction(REDACT_KEYS)).encoded
    document: dict[str, Any] = bson.decode(encoded.raw, CodecOptions(tz_aware=True))
    return document


def test_it_finds_nothing_where_nothing_is_lost(stored: dict[str, Any]) -> None:
    assert Differences(SENT, stored).found == []


@pytest.mark.parametrize(
    "lose",
    [
        lambda document: document["telescope"]["recent_entries_data"][3].pop("content"),
        lambda document: document["telescope"]["recent_entries_data"][3]["sent"].clear(),
        lambda document: document["telescope"]["recent_entries_data"].pop(),
        lambda document: document["telescope"]["recent_entries_data"][0]["content"].update(uri="[redacted]"),
        lambda document: document["telescope"]["recent_entries_data"][0]["content"].update(uri={"trimmed_bytes": 9}),
        lambda document: document["pulse"]["recent_entries_data"][3].update(value=9.0),
        lambda document: document["pulse"]["entry_types"].clear(),
        lambda document: document["server_info"].pop("php_version"),
        lambda document: document.update(system="other"),
        lambda document: document.update(timestamp=datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_it_notices_each_loss(stored: dict[str, Any], lose: Callable[[dict[str, Any]], object]) -> None:
    document = copy.deepcopy(stored)
    lose(document)
    assert len(Differences(SENT, document).found) > 0
