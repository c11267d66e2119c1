"""The command lines others script: exit codes, one clear line on standard error, JSON that parses."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.loader import bundled_names

PARLEY = [sys.executable, "-c", "from bot.cli import main; main()"]
QUIET = {"PARLEY_WORKER__ENABLED": "false"}


def parley(*arguments: str, stdin: str | bytes = "", **environment: str) -> subprocess.CompletedProcess[str]:
    given = stdin.encode() if isinstance(stdin, str) else stdin
    ended = subprocess.run(
        [*PARLEY, *arguments],
        input=given,
        capture_output=True,
        timeout=120,
        env=os.environ | QUIET | environment,
    )
    return subprocess.CompletedProcess(
        ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode()
    )


def lines(ended: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def complaint(ended: subprocess.CompletedProcess[str], exit_code: int = 2) -> str:
    """The one line of a refused command."""
    assert ended.returncode == exit_code, ended.stderr
    assert "Traceback" not in ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("parley: ")]
    return line


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "data")


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    file = tmp_path / "handbook.md"
    file.write_text(
        "# Handbook\n\n## Refunds\n\nA refund is possible within 30 days of purchase.\n\n"
        "## Office\n\nThe office opens at 9 in the morning.\n\n## 密码\n\n忘记密码时，请点击重置密码。\n"
    )
    return file


def test_a_document_is_added_asked_about_and_cited(handbook: Path, data: str) -> None:
    (report,) = lines(parley("knowledge", "add", str(handbook), "--json", "--data-dir", data))
    assert [each["title"] for each in report["added"]] == ["handbook.md"]
    (passages,) = lines(parley("knowledge", "search", "refund days", "--json", "--data-dir", data))
    assert {"id", "document", "text", "score"} <= set(passages[0])
    assert "30 days" in passages[0]["text"]
    asked = "Within how many days is a refund possible?\n忘记密码怎么办？\n"
    first, second = lines(parley("chat", "--json", "--data-dir", data, stdin=asked))
    assert set(first) == {"text", "citations", "skill", "conversation", "elapsed_ms"}
    assert "30 days" in first["text"]
    assert first["citations"][0]["document"] == "handbook.md"
    assert (first["skill"], second["skill"]) == ("ask", "ask")
    assert "重置密码" in second["text"]
    (found,) = lines(parley("history", "search", "密码", "--json", "--data-dir", data))
    assert "忘记密码怎么办？" in {each["text"] for each in found}
    (health,) = lines(parley("db", "check", "--json", "--data-dir", data))
    assert (health["integrity"], health["inbox"]) == ("ok", {"answered": 2})


def test_piped_chat_answers_every_line_once_however_odd(data: str) -> None:
    odd = ["help", "", "/nosuch", "x" * 1_000_000, "nul \x00 and 家族"]
    stdin = "\n".join(odd).encode() + b"\nbroken \xff\xfe utf-8\n"
    replies = lines(parley("chat", "--json", "--data-dir", data, stdin=stdin))
    assert len(replies) == 6
    assert all(reply["text"] for reply in replies)
    assert "empty" in replies[1]["text"]
    assert "no /nosuch" in replies[2]["text"]
    assert "longer than 64 KiB" in replies[3]["text"]


def test_plain_piped_chat_gives_one_line_for_one_line(data: str) -> None:
    ended = parley("chat", "--data-dir", data, stdin="help\nwhy\n")
    assert ended.returncode == 0
    assert len(ended.stdout.splitlines()) == 2


def test_what_stands_under_an_answer_is_listed_and_said_by_number(data: str) -> None:
    overview, page = lines(parley("chat", "--json", "--data-dir", data, stdin="/help\n1\n"))
    first = overview["controls"][0]
    assert first["label"] == f"Help on {first['command'].removeprefix('/help ')}"
    assert page["text"].startswith(f"`/{first['command'].removeprefix('/help ')} ")
    assert page["controls"][0]["usage"].startswith("/")


def test_a_conversation_can_go_on(data: str) -> None:
    parley("chat", "--data-dir", data, "--conversation", "mine", stdin="/help\n")
    (reply,) = lines(parley("chat", "--json", "--data-dir", data, "--conversation", "mine", stdin="/why\n"))
    assert reply["text"] == "help was named in the message."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["knowledge", "add", "/no/such/file"], "no such file or folder: /no/such/file"),
        (["knowledge", "remove", "7"], "there is no document 7"),
        (["config", "check", "--config", "/no/such.toml"], "no such file"),
        (["evaluate", "qa", "--data", "/no/such.jsonl"], "/no/such.jsonl"),
        (["nosuch"], "No such command"),
        (["chat", "--nosuch"], "No such option"),
        (["bench", "core", "--sizes", "many"], "--sizes takes whole numbers"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(arguments: list[str], words: str, data: str) -> None:
    extra = [] if arguments[0] == "nosuch" else ["--data-dir", data]
    assert words in complaint(parley(*arguments, *extra))


def test_broken_document_is_named_with_its_reason(tmp_path: Path, data: str) -> None:
    broken = tmp_path / "report.pdf"
    broken.write_bytes(b"%PDF-1.7 and nothing more")
    assert "report.pdf" in complaint(parley("knowledge", "add", str(broken), "--data-dir", data))


def test_wrong_settings_are_named_by_key_line_and_advice(tmp_path: Path) -> None:
    file = tmp_path / "parley.toml"
    file.write_text("[web]\nprot = 1\n")
    assert "line 2: web.prot: no such setting" in complaint(parley("config", "check", "--config", str(file)))
    assert "PARLEY_WEB__PORT" in complaint(parley("config", "check", PARLEY_WEB__PORT="eighty"))


def test_good_settings_pass_and_are_shown_without_secrets() -> None:
    assert parley("config", "check").returncode == 0
    shown = parley("config", "show", PARLEY_STORAGE__URL="postgresql://ann:hunter2@db/parley")
    assert "hunter2" not in shown.stdout
    assert parley("config", "sample").stdout.startswith("# Settings of parley")


def test_a_broken_plugin_is_told_by_config_check_and_listed(tmp_path: Path) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text("raise RuntimeError('no luck')\n")
    environment = {"PARLEY_PLUGINS__PATHS": json.dumps([str(plugin)])}
    assert "RuntimeError: no luck" in parley("config", "check", **environment).stderr
    (listed,) = lines(parley("plugins", "--json", **environment))
    broken = {each["name"]: bool(each["broken"]) for each in listed}
    assert broken == dict.fromkeys(bundled_names(), False) | {"broken": True}


def test_observers_and_jobs_are_listed_with_their_plugin() -> None:
    watcher = Path(__file__).parents[2] / "fixtures" / "plugins" / "watcher.py"
    (listed,) = lines(parley("plugins", "--json", PARLEY_PLUGINS__PATHS=json.dumps([str(watcher)])))
    (found,) = [each for each in listed if each["name"] == "watcher"]
    assert found["observers"] == ["counter", "everything"]
    assert found["jobs"] == ["digest (at mon 09:00)", "broken (every 400 days, 0:00:00)"]


def test_missing_database_folder_is_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/none/parley.sqlite3"
    assert "none" in complaint(parley("db", "check", "--data-dir", str(tmp_path), PARLEY_STORAGE__URL=url))


def test_damaged_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "parley.sqlite3").write_bytes(b"not a database at all" * 1000)
    assert "backup" in complaint(parley("db", "check", "--data-dir", str(tmp_path)), 3)
    assert (tmp_path / "parley.sqlite3").read_bytes().startswith(b"not a database")


def test_a_running_page_answers_and_a_second_one_names_the_port(data: str) -> None:
    server = subprocess.Popen(
        [*PARLEY, "run", "--data-dir", data],
        env=os.environ | QUIET | {"PARLEY_WEB__PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().split("127.0.0.1:")[1].split("/")[0]
        assert "ready" in server.stdout.readline()
        refused = complaint(parley("run", "--data-dir", data, PARLEY_WEB__PORT=port))
        assert port in refused
        assert "PARLEY_WEB__PORT" in refused
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=60)
    assert server.returncode == 0
    assert "Traceback" not in errors


def test_export_writes_every_message(data: str, tmp_path: Path) -> None:
    parley("chat", "--data-dir", data, stdin="help\n")
    ended = parley("history", "export", str(tmp_path / "all.jsonl"), "--data-dir", data)
    assert ended.returncode == 0
    exported = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert [each["role"] for each in exported] == ["person", "bot"]


def test_backup_can_be_opened(data: str, tmp_path: Path) -> None:
    parley("chat", "--data-dir", data, stdin="help\n")
    nowhere = parley("db", "backup", str(tmp_path / "none" / "copy.sqlite3"), "--data-dir", data)
    assert "folder that exists" in complaint(nowhere)
    assert parley("db", "backup", str(tmp_path / "parley.sqlite3"), "--data-dir", data).returncode == 0
    (health,) = lines(parley("db", "check", "--json", "--data-dir", str(tmp_path)))
    assert health["messages"] == 2
