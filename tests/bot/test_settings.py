"""Settings: defaults, file, environment; each error says key, place and what to do, never a secret."""

from pathlib import Path

import pytest

from bot import PluginSettings
from bot.errors import BadSettings
from bot.settings import Settings, load_settings, read_plugin_settings
from bot.toml import sample, show


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "parley.toml"
    file.write_text(text)
    return file


def test_defaults_need_no_file() -> None:
    settings = load_settings()
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8080)
    assert settings.database_url.startswith("sqlite+aiosqlite:////")


def test_environment_wins_over_file_and_keeps_the_rest_of_the_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, '[web]\nport = 9000\ntitle = "desk"\n')
    monkeypatch.setenv("PARLEY_WEB__PORT", "9001")
    settings = load_settings(file)
    assert (settings.web.port, settings.web.title) == (9001, "desk")


def test_file_can_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_CONFIG", str(write(tmp_path, "[router]\nthreshold = 0.7\n")))
    assert load_settings().router.threshold == 0.7


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[web]\n\nprot = 1\n", "line 3: web.prot: no such setting"),
        ("[web]\nport = 70000\n", "line 2: web.port: input should be less than or equal to 65535"),
        ("[webb]\nport = 1\n", "line 1: webb: no such setting"),
        ("[web\n", "not valid TOML"),
        ('[[channels]]\nmatch = "x"\ndisabled = []\n', "channels.0.disabled: no such setting"),
    ],
)
def test_each_error_names_key_line_and_advice(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(BadSettings) as raised:
        load_settings(write(tmp_path, text))
    assert complaint in str(raised.value)


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as raised:
        load_settings(write(tmp_path, "[web]\nport = -1\n[log]\nlevel = 'loud'\n"))
    assert len(str(raised.value).splitlines()) == 2


def test_wrong_environment_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_WEB__PORT", "eighty")
    with pytest.raises(BadSettings, match="environment PARLEY_WEB__PORT"):
        load_settings()


def test_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="config sample"):
        load_settings(tmp_path / "none.toml")


def test_password_in_the_file_is_refused_without_being_shown(tmp_path: Path) -> None:
    file = write(tmp_path, '[storage]\nurl = "postgresql://ann:hunter2@db/parley"\n')
    with pytest.raises(BadSettings, match="PARLEY_STORAGE__URL") as raised:
        load_settings(file)
    assert "hunter2" not in str(raised.value)


def test_password_from_the_environment_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_STORAGE__URL", "postgresql://ann:hunter2@db/parley")
    settings = load_settings()
    assert settings.database_url.endswith("hunter2@db/parley")
    assert "hunter2" not in show(settings)
    assert "ann:***@db" in show(settings)


def test_url_can_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://db/parley\n")
    with pytest.raises(BadSettings, match="open to every user"):
        _ = load_settings(write(tmp_path, f'[storage]\nurl_file = "{secret}"\n')).database_url
    secret.chmod(0o600)
    file = write(tmp_path, f'[storage]\nurl_file = "{secret}"\n')
    assert load_settings(file).database_url == "postgresql://db/parley"


def test_shown_settings_can_be_read_again(tmp_path: Path) -> None:
    file = write(tmp_path, '[plugin.qa]\nsentences = 1\n[[channels]]\nmatch = "web:*"\ndisable = ["ask"]\n')
    settings = load_settings(file)
    text = "\n".join(line for line in show(settings).splitlines() if not line.endswith('= ""'))
    again = tmp_path / "again.toml"
    again.write_text(text)
    assert load_settings(again) == settings


def test_sample_is_all_comments_that_are_the_defaults(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, sample())) == load_settings()
    uncommented = [
        line.removeprefix("# ")
        for line in sample().split("# [models.sentiment]")[0].splitlines()
        if line.startswith("[") or (" = " in line and line.startswith("# ") and line[2].islower())
    ]
    assert load_settings(write(tmp_path, "\n".join(uncommented))) == load_settings()


def test_plugin_settings_are_typed_and_checked() -> None:
    class Dice(PluginSettings):
        sides: int = 6

    settings = Settings(plugin={"dice": {"sides": "8"}})
    assert read_plugin_settings(settings, "dice", Dice) == Dice(sides=8)
    with pytest.raises(BadSettings, match=r"plugin\.dice\.side: no such setting"):
        read_plugin_settings(Settings(plugin={"dice": {"side": 8}}), "dice", Dice)


def test_endpoint_needs_a_model_and_a_plain_address(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"endpoint\.url needs endpoint\.model"):
        load_settings(write(tmp_path, '[endpoint]\nurl = "http://127.0.0.1:8000/v1"\n'))
    for url in ("ftp://x/v1", "http://ann:hunter2@host/v1", "http://host/v1?key=hunter2", "127.0.0.1:8000"):
        with pytest.raises(BadSettings, match=r"line 2: endpoint\.url") as raised:
            load_settings(write(tmp_path, f'[endpoint]\nurl = "{url}"\nmodel = "tiny"\n'))
        assert "hunter2" not in str(raised.value)


def test_key_of_the_endpoint_stays_out_of_the_file_and_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, '[endpoint]\nurl = "http://127.0.0.1:8000/v1"\nmodel = "tiny"\nkey = "hunter2"\n')
    with pytest.raises(BadSettings, match="PARLEY_ENDPOINT__KEY") as raised:
        load_settings(file)
    assert "line 4" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    monkeypatch.setenv("PARLEY_ENDPOINT__KEY", "hunter2")
    settings = load_settings(write(tmp_path, '[endpoint]\nurl = "http://h/v1"\nmodel = "tiny"\n'))
    assert settings.endpoint.key.get_secret_value() == "hunter2"
    assert "hunter2" not in show(settings) + repr(settings)
