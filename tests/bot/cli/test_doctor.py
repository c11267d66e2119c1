"""`parley doctor` as people and scripts run it, with a Slack on loopback."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.testing.slack import FakeSlack

PARLEY = [sys.executable, "-c", "from bot.cli import main; main()"]
QUIET = {"PARLEY_WORKER__ENABLED": "false", "PARLEY_WEB__PORT": "0"}


@dataclass
class Ended:
    """How a command ended."""

    status: int
    output: str
    errors: str

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What `--json` printed, held to its form."""
        told = json.loads(self.output)
        assert told["ok"] == (self.status == 0)
        for each in told["findings"]:
            assert set(each) == {"what", "state", "words", "advice"}
            assert each["state"] in ("ok", "warning", "failure")
        return list(told["findings"])

    def failed(self) -> dict[str, str]:
        """Words and advice of each failure."""
        return {
            each["what"]: f"{each['words']} {each['advice']}"
            for each in self.findings
            if each["state"] == "failure"
        }


async def doctor(*arguments: str, **environment: str) -> Ended:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    process = await asyncio.create_subprocess_exec(
        *PARLEY,
        "doctor",
        *arguments,
        env=clean | QUIET | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        output, errors = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in errors, errors.decode()
    return Ended(process.returncode, output.decode(), errors.decode())


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack().serving() as fake:
        yield fake


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "data")


def connected(slack: FakeSlack) -> dict[str, str]:
    return {
        "PARLEY_SLACK__API_URL": slack.api_url,
        "PARLEY_SLACK__BOT_TOKEN": slack.bot_token,
        "PARLEY_SLACK__APP_TOKEN": slack.app_token,
    }


async def test_everything_is_fine_one_line_each(slack: FakeSlack, data: str) -> None:
    ended = await doctor("--data-dir", data, **connected(slack))
    assert ended.status == 0
    *lines, last = ended.output.splitlines()
    assert last == "Everything is fine."
    assert all(line.startswith("ok ") for line in lines)
    assert any("Slack workspace Fake" in line for line in lines)
    assert slack.bot_token not in ended.output + ended.errors
    assert slack.app_token not in ended.output + ended.errors


async def test_failures_say_what_to_click_and_end_with_1(slack: FakeSlack, data: str) -> None:
    slack.revoke()
    ended = await doctor("--data-dir", data, **connected(slack))
    assert ended.status == 1
    failures = [line for line in ended.output.splitlines() if line.startswith("failure")]
    assert len(failures) == 2
    assert all("→ Open https://api.slack.com/apps" in line for line in failures)
    assert "2 failures." in ended.output.splitlines()[-1]


async def test_warnings_alone_end_with_0(slack: FakeSlack, data: str) -> None:
    slack.scopes.discard("files:read")
    ended = await doctor("--data-dir", data, **connected(slack))
    assert ended.status == 0
    assert "1 warning." in ended.output.splitlines()[-1]


async def test_json_holds_the_same(slack: FakeSlack, data: str) -> None:
    slack.scopes.discard("chat:write")
    ended = await doctor("--json", "--data-dir", data, **connected(slack))
    assert ended.status == 1
    assert list(ended.failed()) == ["Slack workspace Fake, scopes"]
    assert "chat:write" in ended.failed()["Slack workspace Fake, scopes"]


async def test_wrong_settings_are_told_as_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "parley.toml"
    await asyncio.to_thread(file.write_text, "[web]\nprot = 1\nhostt = 2\n")
    ended = await doctor("--json", "--config", str(file))
    assert ended.status == 1
    words = [each["words"] for each in ended.findings]
    assert len(words) == 2
    assert "line 2: web.prot" in words[0]


async def test_taken_port_and_damaged_database_are_both_told(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "parley.sqlite3").write_bytes, b"not a database" * 1000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        ended = await doctor("--json", "--data-dir", str(tmp_path), PARLEY_WEB__PORT=port)
    assert set(ended.failed()) == {"database", "chat page"}
    assert port in ended.failed()["chat page"]


async def test_running_parley_is_recognised_on_its_port(data: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    running = await asyncio.create_subprocess_exec(
        *PARLEY,
        "run",
        "--data-dir",
        data,
        env=clean | QUIET | {"PARLEY_WEB__PORT": port},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert running.stdout is not None
        async with asyncio.timeout(60):
            await running.stdout.readline()
        ended = await doctor("--data-dir", data, PARLEY_WEB__PORT=port)
        assert ended.status == 0, ended.output
        assert "parley serves it" in ended.output
    finally:
        running.terminate()
        await running.wait()


async def test_unreachable_slack_ends_and_the_rest_is_checked(slack: FakeSlack, data: str) -> None:
    environment = connected(slack) | {"PARLEY_SLACK__API_URL": "http://127.0.0.1:9/api/"}
    ended = await doctor("--json", "--data-dir", data, **environment)
    assert "cannot be reached" in ended.failed()["Slack"]
    assert {"settings", "data folder", "database"} <= {each["what"] for each in ended.findings}


async def test_names_of_others_cannot_write_on_the_terminal(slack: FakeSlack, data: str) -> None:
    slack.add_channel("evil\x1b]0;owned\x07\nok everything")
    ended = await doctor("--data-dir", data, **connected(slack))
    assert "\x1b" not in ended.output
    assert not any(line.startswith("ok everything") for line in ended.output.splitlines())
