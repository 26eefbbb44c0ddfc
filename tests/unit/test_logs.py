"""What a log line tells, and what it does not."""

import json
import logging

import pytest
import structlog

from receiver.logs import configure_logs


@pytest.fixture(autouse=True)
def _restore() -> object:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def fail() -> None:
    """Fail as a driver does, quoting the document in hand."""
    raise ValueError("the password is hunter2")


@pytest.mark.parametrize("name", ["structlog", "logging"])
@pytest.mark.parametrize("style", ["json", "console"])
def test_an_exceptions_words_are_not_logged(name: str, style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", style)
    logger = structlog.get_logger() if name == "structlog" else logging.getLogger("elsewhere")
    try:
        fail()
    except ValueError:
        logger.exception("it_failed")
    written = capsys.readouterr().err
    assert "hunter2" not in written
    assert "it_failed" in written
    assert "ValueError" in written
    assert "test_logs.py" in written


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    structlog.get_logger().info("request", path="/a\nb", odd=object)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["path"] == "/a\nb"


def test_less_severe_lines_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning", "json")
    structlog.get_logger().info("request")
    assert capsys.readouterr().err == ""
