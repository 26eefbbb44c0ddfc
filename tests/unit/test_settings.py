"""Where settings come from, and what a faulty one says."""

import hashlib
from pathlib import Path

import pytest

from receiver.errors import SettingsError
from receiver.settings import FIELDS, Settings, load_settings, masked

DIGEST = hashlib.sha256(b"secret").hexdigest()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, path: str = "settings.toml") -> Path:
    file = Path(path)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_without_any_source_the_defaults_hold() -> None:
    loaded = load_settings({})
    assert loaded.settings.port == 3001
    assert set(loaded.sources.values()) == {"default"}


def test_the_file_of_the_working_directory_is_read() -> None:
    write("port = 1", "config/receiver.toml")
    loaded = load_settings({})
    assert (loaded.settings.port, loaded.sources["port"]) == (1, "config/receiver.toml")


def test_the_environment_overrides_the_file_and_an_option_overrides_both() -> None:
    file = write("port = 1\nworkers = 2\nhost = 'a'")
    loaded = load_settings({"RECEIVER_PORT": "3", "RECEIVER_WORKERS": "4"}, {"workers": "5", "host": None}, file)
    assert (loaded.settings.host, loaded.settings.port, loaded.settings.workers) == ("a", 3, 5)
    assert [loaded.sources[name] for name in ("host", "port", "workers")] == [
        "settings.toml",
        "RECEIVER_PORT",
        "--workers",
    ]


def test_an_empty_variable_is_not_given() -> None:
    assert load_settings({"RECEIVER_TOKEN": "", "HOME": "/"}).settings.token is None


@pytest.mark.parametrize(
    ("text", "environment", "options", "sentence"),
    [
        ("prot = 1", {}, {}, "Unknown setting prot in settings.toml. Did you mean port?"),
        (
            "",
            {"RECEIVER_PROT": "1"},
            {},
            "Unknown setting RECEIVER_PROT in the environment. Did you mean RECEIVER_PORT?",
        ),
        (
            "",
            {"RECEIVER_TOKENS": "x"},
            {},
            "Setting RECEIVER_TOKENS in the environment: it can only be set in the settings file.",
        ),
        ("port = 'x'", {}, {}, "Setting port (from settings.toml): Not a valid integer."),
        ("port = 1.5", {}, {}, "Setting port (from settings.toml): Not a valid integer."),
        ("port = true", {}, {}, "Setting port (from settings.toml): Not a valid integer."),
        ("", {"RECEIVER_PORT": "65536"}, {}, "Setting port (from RECEIVER_PORT): Must be greater than or equal to 0"),
        ("", {}, {"workers": "0"}, "Setting workers (from --workers): Must be greater than or equal to 1"),
        ("mongodb_uri = 'x'", {}, {}, "Setting mongodb_uri (from settings.toml): Must begin with mongodb://"),
        ("port =", {}, {}, "The settings file settings.toml is not valid TOML"),
        ("[[tokens]]\nname = 'a'", {}, {}, "Setting tokens.0.sha256 (from settings.toml): Missing data"),
        (
            f"[[tokens]]\nname='a'\nsha256='{DIGEST}'\nroles=['x']",
            {},
            {},
            "Setting tokens.0.roles.0 (from settings.toml)",
        ),
        (
            2 * f"[[tokens]]\nname='a'\nsha256='{DIGEST}'\nroles=['read']\n",
            {},
            {},
            "Setting tokens (from settings.toml): Two tokens have the same name.",
        ),
    ],
)
def test_a_faulty_setting_is_named_with_its_source(
    text: str, environment: dict[str, str], options: dict[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment, options, write(text))
    assert str(caught.value).startswith(sentence)


def test_a_file_that_is_asked_for_must_be_there() -> None:
    with pytest.raises(SettingsError, match=r"missing\.toml cannot be read: No such file"):
        load_settings({"RECEIVER_CONFIG": "missing.toml"})


def test_a_value_at_fault_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"RECEIVER_MONGODB_URI": "mongo://user:hunter2@host"})
    assert "hunter2" not in str(caught.value)


def test_tokens_are_read_from_the_file() -> None:
    text = f"[[tokens]]\nname='shop'\nsha256='{DIGEST}'\nroles=['ingest']\nsystem='shop'\nsystems=['shop']"
    (token,) = load_settings({}, file=write(text)).settings.tokens
    assert (token.name, token.sha256, token.roles, token.system) == ("shop", DIGEST, {"ingest"}, "shop")
    assert token.systems == {"shop"}


def test_secrets_are_masked() -> None:
    text = f"[[tokens]]\nname='shop'\nsha256='{DIGEST}'\nroles=['ingest']"
    uri = "mongodb://user:hunter2@host"
    loaded = load_settings({"RECEIVER_TOKEN": "hunter3", "RECEIVER_MONGODB_URI": uri}, file=write(text))
    shown = {name: value for name, value, _ in masked(loaded)}
    assert (shown["token"], shown["mongodb_uri"], shown["tokens"]) == ("****", "****", "shop (ingest)")
    assert "hunter" not in repr(loaded.settings)


def test_the_schema_and_the_dataclass_have_the_same_settings() -> None:
    assert list(FIELDS) == list(Settings.__dataclass_fields__)
