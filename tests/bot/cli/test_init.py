"""`parley init`: what it asks, what it writes and with which rights, and what it says to click."""

import base64
import json
import os
import pty
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bot.cli.credentials import (
    DISCORD_TOKEN,
    SLACK_APP_TOKEN,
    SLACK_BOT_TOKEN,
    SLACK_SIGNING_SECRET,
    Credential,
    application_id,
)
from bot.cli.questions import is_https
from bot.settings import load_settings

PARLEY = [sys.executable, "-c", "from bot.cli import main; main()"]
APPLICATION = 1100000000000000042
TOKEN = f"{base64.b64encode(str(APPLICATION).encode()).decode().rstrip('=')}.GabcdE.{'a1_-' * 9}xy"
BOT_TOKEN = "xoxb-1000000000-2000000000-AbCdEfGhIjKlMnOpQrStUvWx"
APP_TOKEN = f"xapp-1-A0123456789-1000000000-{'0a' * 32}"
SECRET = "0123456789abcdef" * 2
HIDDEN = (TOKEN, BOT_TOKEN, APP_TOKEN, SECRET)


def init(folder: Path, *arguments: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    ended = subprocess.run(
        [*PARLEY, "init", *arguments],
        cwd=folder,
        input=answers,
        capture_output=True,
        text=True,
        timeout=60,
        env=clean,
    )
    assert "Traceback" not in ended.stderr
    assert not [each for each in HIDDEN if each in ended.stdout + ended.stderr]
    return ended


def lines(*answers: str) -> str:
    return "".join(f"{each}\n" for each in answers)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- the whole, piped ---


def test_all_answers_lead_to_settings_and_secrets_that_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = lines("y", "y", "socket", "y", "y", "y", TOKEN, BOT_TOKEN, APP_TOKEN)
    ended = init(tmp_path, answers=answers)
    assert ended.returncode == 0, ended.stderr
    secrets = tmp_path / "data" / "secrets"
    assert {each.name: each.read_text().strip() for each in secrets.iterdir()} == {
        "discord-token": TOKEN,
        "slack-bot-token": BOT_TOKEN,
        "slack-app-token": APP_TOKEN,
    }
    assert {mode(each) for each in secrets.iterdir()} == {0o600}
    assert mode(secrets) == mode(tmp_path / "data") == 0o700
    monkeypatch.chdir(tmp_path)
    settings = load_settings(Path("parley.toml"))
    assert settings.discord.token_file == Path("data/secrets/discord-token")
    assert settings.slack.app_token_file == Path("data/secrets/slack-app-token")
    assert settings.slack.signing_secret_file is None


def test_settings_hold_what_differs_each_line_with_its_comment_and_no_token(tmp_path: Path) -> None:
    init(tmp_path, answers=lines("n", "y", "no", "n", "n", TOKEN))
    text = (tmp_path / "parley.toml").read_text()
    assert TOKEN not in text
    written = text.splitlines()
    values = [number for number, line in enumerate(written) if " = " in line and not line.startswith("#")]
    assert all(written[number - 1].startswith("# ") for number in values)
    assert [written[number] for number in values] == [
        "enabled = false",
        'token_file = "data/secrets/discord-token"',
        "message_content = false",
        'voice = ""',
    ]
    load_settings(tmp_path / "parley.toml")


def test_next_steps_name_the_link_and_the_commands(tmp_path: Path) -> None:
    ended = init(tmp_path, "--config", "my bot.toml", answers=lines("y", "y", "no", "y", "y", TOKEN))
    assert f"client_id={APPLICATION}" in ended.stdout
    assert "parley doctor --config 'my bot.toml'" in ended.stdout
    assert "parley run --config 'my bot.toml'" in ended.stdout
    assert "Message Content Intent" in ended.stdout


def test_the_manifest_stands_before_the_tokens_it_leads_to(tmp_path: Path) -> None:
    ended = init(tmp_path, answers=lines("y", "n", "socket", "y", "y", "y", "", ""))
    assert 0 < ended.stdout.index('"display_information"') < ended.stdout.index("Paste the Bot User OAuth")
    assert "Put the app-level token into data/secrets/slack-app-token" in ended.stdout


def test_http_asks_for_the_address_and_the_signing_secret(tmp_path: Path) -> None:
    answers = lines("y", "n", "http", "https://bot.example.org", "y", "y", "y", BOT_TOKEN, SECRET)
    ended = init(tmp_path, answers=answers)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("https://bot.example.org/slack/events") == 3
    assert (tmp_path / "data/secrets/slack-signing-secret").read_text().strip() == SECRET
    assert load_settings(tmp_path / "parley.toml").slack.signing_secret_file is not None


def test_nothing_connected_needs_no_file(tmp_path: Path) -> None:
    ended = init(tmp_path, answers="")
    assert ended.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert "parley run" in ended.stdout


def test_what_the_options_say_is_not_asked(tmp_path: Path) -> None:
    ended = init(tmp_path, "--web", "--no-discord", "--slack", "no", answers="")
    assert "?" not in ended.stdout


def test_yes_asks_nothing_and_names_what_is_still_to_do(tmp_path: Path) -> None:
    ended = init(tmp_path, "--yes", "--discord", "--slack", "socket", answers=lines("unread"))
    assert ended.returncode == 0
    assert "[Y/n]" not in ended.stdout
    assert "Paste" not in ended.stdout
    assert "data/secrets/discord-token" in (tmp_path / "parley.toml").read_text()
    assert "Put the Discord bot's token into data/secrets/discord-token with mode 600" in ended.stdout
    assert "parley init --show-invite APPLICATION_ID" in ended.stdout


def test_data_folder_of_the_command_line_is_written_down(tmp_path: Path) -> None:
    init(tmp_path, "--yes", "--discord", "--data-dir", "elsewhere")
    settings = load_settings(tmp_path / "parley.toml")
    assert settings.data_dir == Path("elsewhere")
    assert settings.discord.token_file == Path("elsewhere/secrets/discord-token")


# --- a file that is there ---


def test_existing_file_is_only_added_to(tmp_path: Path) -> None:
    before = "# mine\n[web]\nport = 9000  # not 8080\n"
    (tmp_path / "parley.toml").write_text(before)
    ended = init(tmp_path, "--yes", "--discord")
    after = (tmp_path / "parley.toml").read_text()
    assert after.startswith(before)
    assert load_settings(tmp_path / "parley.toml").discord.token_file is not None
    assert "Change these lines" not in ended.stdout


def test_lines_that_say_otherwise_are_left_and_told(tmp_path: Path) -> None:
    before = '[discord]\ntoken_file = "/etc/token"\n'
    (tmp_path / "parley.toml").write_text(before)
    ended = init(tmp_path, "--yes", "--discord")
    assert (tmp_path / "parley.toml").read_text() == before
    assert "Change these lines in it yourself" in ended.stdout
    assert 'token_file = "data/secrets/discord-token"' in ended.stdout


def test_second_run_changes_nothing_and_takes_the_missing_secret(tmp_path: Path) -> None:
    init(tmp_path, "--yes", "--discord")
    before = (tmp_path / "parley.toml").read_text()
    ended = init(tmp_path, answers=lines("y", "y", "no", "y", "y", "y", TOKEN))
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "parley.toml").read_text() == before
    assert (tmp_path / "data/secrets/discord-token").read_text().strip() == TOKEN
    kept = init(tmp_path, answers=lines("y", "y", "no", "y", "y", "y", ""))
    assert "keeps the one there is" in kept.stdout
    assert (tmp_path / "data/secrets/discord-token").read_text().strip() == TOKEN


def test_no_leaves_everything(tmp_path: Path) -> None:
    (tmp_path / "parley.toml").write_text("[web]\nport = 9000\n")
    ended = init(tmp_path, answers=lines("y", "y", "no", "y", "y", "n"))
    assert ended.returncode == 1
    assert (tmp_path / "parley.toml").read_text() == "[web]\nport = 9000\n"
    assert not (tmp_path / "data").exists()


def test_broken_file_is_named_and_left(tmp_path: Path) -> None:
    (tmp_path / "parley.toml").write_text("[web\n")
    ended = init(tmp_path, "--yes", "--discord")
    assert ended.returncode == 2
    assert "parley.toml: cannot be read" in ended.stderr
    assert (tmp_path / "parley.toml").read_text() == "[web\n"


# --- bad answers ---


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (["perhaps"], "Answer y or n"),
        (["y", "n", "carrier pigeon"], "Answer one of socket, http, no"),
        (["y", "n", "http", "bot.example.org"], "https://bot.example.org"),
        (["y", "y", "no", "y", "y", BOT_TOKEN], "This is a Slack bot token"),
    ],
)
def test_bad_answer_in_a_pipe_is_one_clear_line(tmp_path: Path, answers: list[str], words: str) -> None:
    ended = init(tmp_path, answers=lines(*answers))
    assert ended.returncode == 2
    assert words in ended.stderr
    assert not (tmp_path / "parley.toml").exists()


def test_http_without_an_address_is_refused(tmp_path: Path) -> None:
    ended = init(tmp_path, "--yes", "--slack", "http")
    assert ended.returncode == 2
    assert "--slack-url" in ended.stderr


@pytest.mark.parametrize(
    ("credential", "right"),
    [
        (DISCORD_TOKEN, TOKEN),
        (SLACK_BOT_TOKEN, BOT_TOKEN),
        (SLACK_APP_TOKEN, APP_TOKEN),
        (SLACK_SIGNING_SECRET, SECRET),
    ],
    ids=lambda each: getattr(each, "file", ""),
)
def test_each_secret_is_told_from_the_others(credential: Credential, right: str) -> None:
    assert credential.fault(right) == ""
    for other in (*HIDDEN, "xoxp-1-2-3", str(APPLICATION), "ab" * 32, "Zz" * 16, "", "two words"):
        if other != right:
            assert credential.label in credential.fault(other)
            assert not other or other not in credential.fault(other)


def test_the_applications_id_stands_in_its_token() -> None:
    assert application_id(TOKEN) == APPLICATION
    assert application_id("nonsense.token.here") is None
    assert application_id("") is None


def test_addresses_are_https_with_a_host() -> None:
    assert is_https("https://bot.example.org/here")
    assert not [each for each in ("http://bot.example.org", "https://", "bot.example.org") if is_https(each)]


# --- what scripts take ---


def manifest(folder: Path, *arguments: str) -> dict[str, Any]:
    ended = init(folder, "--show-manifest", *arguments)
    assert ended.returncode == 0, ended.stderr
    assert list(folder.iterdir()) == []
    return dict(json.loads(ended.stdout))


def test_manifest_alone_is_printed_for_socket_mode(tmp_path: Path) -> None:
    app = manifest(tmp_path)
    assert app["settings"]["socket_mode_enabled"] is True
    assert "request_url" not in json.dumps(app)
    assert {"message.channels", "app_mention", "message.im"} <= set(
        app["settings"]["event_subscriptions"]["bot_events"]
    )


def test_manifest_over_http_names_the_address_everywhere(tmp_path: Path) -> None:
    app = manifest(tmp_path, "--slack", "http", "--slack-url", "https://bot.example.org/")
    address = "https://bot.example.org/slack/events"
    assert app["settings"]["socket_mode_enabled"] is False
    assert app["settings"]["event_subscriptions"]["request_url"] == address
    assert app["settings"]["interactivity"]["request_url"] == address
    assert app["features"]["slash_commands"][0]["url"] == address


@pytest.mark.parametrize(
    ("option", "scopes", "events"),
    [
        ("--no-observe", {"channels:history", "groups:history"}, {"message.channels", "message.groups"}),
        ("--no-direct", {"im:history", "mpim:history"}, {"message.im", "message.mpim"}),
        ("--no-voice", {"files:read"}, set[str]()),
    ],
)
def test_feature_left_out_asks_for_fewer_scopes(
    tmp_path: Path, option: str, scopes: set[str], events: set[str]
) -> None:
    whole, left = manifest(tmp_path), manifest(tmp_path, option)
    asked = [set(each["oauth_config"]["scopes"]["bot"]) for each in (whole, left)]
    heard = [set(each["settings"]["event_subscriptions"]["bot_events"]) for each in (whole, left)]
    assert scopes <= asked[0] - asked[1]
    assert events <= heard[0] - heard[1]


def test_invite_link_alone_is_printed(tmp_path: Path) -> None:
    ended = init(tmp_path, "--show-invite", str(APPLICATION))
    assert ended.stdout.startswith(f"https://discord.com/oauth2/authorize?client_id={APPLICATION}&")
    assert list(tmp_path.iterdir()) == []


# --- in a terminal ---


def test_in_a_terminal_secrets_are_not_shown_and_mistakes_asked_again(tmp_path: Path) -> None:
    answers = ["y", "what", "y", "no", "y", "y", "not-a-token", TOKEN]
    shown, status = in_terminal(tmp_path, answers)
    assert status == 0, shown
    assert TOKEN not in shown
    assert "not-a-token" not in shown
    assert "Answer y or n" in shown
    assert "This is something else" in shown
    assert (tmp_path / "data/secrets/discord-token").read_text().strip() == TOKEN


def in_terminal(folder: Path, answers: list[str]) -> tuple[str, int]:
    """Run `parley init` in a terminal, typing each answer when a question waits."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PARLEY, "init"], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, answered = "", 0
    try:
        while part := read(ours):
            shown += part
            if answers and shown[answered:].rstrip(" ").endswith(":"):
                time.sleep(0.1)  # the question switches the echo off after it is shown
                answered = len(shown)
                os.write(ours, answers.pop(0).encode() + b"\n")
        return shown, process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read(terminal: int) -> str:
    """What is shown next; nothing at the end, which a terminal tells by an error."""
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:
        return ""
