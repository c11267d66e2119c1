"""The checks of an installation itself: settings, folder, database, worker, page."""

import asyncio
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot import diagnosis
from bot.connectors import ports
from bot.connectors.findings import Finding, State, compare_clocks
from bot.settings import (
    DiscordSettings,
    EndpointSettings,
    ModelSettings,
    RouterSettings,
    Settings,
    SlackSettings,
    WebSettings,
    WorkerSettings,
)
from bot.testing.discord import FakeDiscord
from bot.testing.endpoint import FakeEndpoint
from storage import open_store
from storage.schema import newest, revisions

NO_WORKER = WorkerSettings(enabled=False)


def settings(folder: Path, **changes: object) -> Settings:
    given = {"data_dir": folder, "worker": NO_WORKER, "web": WebSettings(port=0)}
    return Settings(**(given | changes))  # type: ignore[arg-type]


def contents(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


# --- the whole ---


async def test_a_fresh_installation_is_fine_and_nothing_is_made(tmp_path: Path) -> None:
    chosen, shown = settings(tmp_path / "data"), list[str]()
    found = [each async for each in diagnosis.diagnose(chosen, show=shown.append)]
    assert {each.state for each in found} == {State.OK}
    assert shown == ["settings", "data folder", "database", "model worker", "chat page"]
    assert contents(tmp_path) == []


async def test_discord_is_checked_when_it_has_a_token(tmp_path: Path) -> None:
    async with FakeDiscord().serving() as fake:
        chosen = settings(tmp_path, discord=DiscordSettings(token=SecretStr(fake.token)))
        found = [each async for each in diagnosis.diagnose(chosen, discord_connector=fake.connector())]
    assert "Discord token" in {each.what for each in found}


async def test_secret_that_cannot_be_read_fails_its_part_alone(tmp_path: Path) -> None:
    discord = DiscordSettings(token_file=tmp_path / "none")
    found = [each async for each in diagnosis.diagnose(settings(tmp_path, discord=discord))]
    failed = [each for each in found if each.state is State.FAILURE]
    assert [each.what for each in failed] == ["Discord"]
    assert "discord.token_file" in failed[0].words


async def test_check_that_breaks_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(settings: Settings) -> list[Finding]:
        raise RuntimeError("secret words")

    monkeypatch.setattr(diagnosis, "check_data_dir", crash)
    found = [each async for each in diagnosis.diagnose(settings(tmp_path))]
    broken = next(each for each in found if each.what == "data folder")
    assert broken.state is State.FAILURE
    assert "RuntimeError" in broken.words
    assert "secret words" not in broken.words
    assert found[-1].what == "chat page"


async def test_missing_library_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(diagnosis.NEEDS, "chat page", ("no_such_library", "web"))
    found = [each async for each in diagnosis.diagnose(settings(tmp_path))]
    assert "parley[web]" in found[-1].advice


# --- settings ---


def test_what_settings_name_and_is_not_there_is_told(tmp_path: Path) -> None:
    chosen = settings(tmp_path, plugin={"nosuch": {}}, router=RouterSettings(fallback="nosuch"))
    words = " ".join(each.words for each in diagnosis.check_settings(chosen))
    assert "plugin.nosuch" in words
    assert "router.fallback" in words


def test_nothing_to_run_is_told(tmp_path: Path) -> None:
    finding = only(diagnosis.check_settings(settings(tmp_path, web=WebSettings(enabled=False))))
    assert "parley init" in finding.advice


def test_half_of_slack_is_told(tmp_path: Path) -> None:
    chosen = settings(tmp_path, slack=SlackSettings(app_token=SecretStr("xapp-1")))
    assert "PARLEY_SLACK__BOT_TOKEN" in only(diagnosis.check_settings(chosen)).advice


# --- data folder ---


def test_open_data_folder_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    findings = diagnosis.check_data_dir(settings(tmp_path))
    assert any(f"chmod 700 {tmp_path}" in each.advice for each in findings)


def test_data_folder_that_is_a_file_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    finding = only(diagnosis.check_data_dir(settings(tmp_path / "data" / "deeper")))
    assert finding.state is State.FAILURE
    assert "--data-dir" in finding.advice


@pytest.mark.parametrize(
    ("megabytes", "state"), [(50, State.FAILURE), (500, State.WARNING), (5000, State.OK)]
)
def test_full_disk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, megabytes: int, state: State
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(megabytes * 2**20))
    tmp_path.chmod(0o700)
    assert only(diagnosis.check_data_dir(settings(tmp_path))).state is state


# --- database ---


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    file = tmp_path / "parley.sqlite3"
    async with open_store(f"sqlite:///{file}"):
        pass
    return file


def revise(file: Path, revision: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
    connection.close()


async def test_good_database_is_fine(database: Path) -> None:
    finding = only(await diagnosis.check_database(settings(database.parent)))
    assert finding.state is State.OK
    assert newest() in finding.words


async def test_newer_database_is_a_failure(database: Path) -> None:
    revise(database, "9999")
    finding = only(await diagnosis.check_database(settings(database.parent)))
    assert finding.state is State.FAILURE
    assert "Upgrade parley" in finding.words


async def test_older_database_is_told_to_be_upgraded(database: Path) -> None:
    revise(database, revisions()[0])
    found = await diagnosis.check_database(settings(database.parent))
    assert found[-1].state is State.WARNING
    assert newest() in found[-1].words


async def test_damaged_database_is_a_failure(database: Path) -> None:
    await asyncio.to_thread(database.write_bytes, b"not a database at all" * 1000)
    finding = only(await diagnosis.check_database(settings(database.parent)))
    assert finding.state is State.FAILURE


async def test_database_that_cannot_be_reached_is_a_failure(tmp_path: Path) -> None:
    chosen = settings(tmp_path, storage={"url": f"sqlite:///{tmp_path}/none/parley.sqlite3"})
    finding = only(await diagnosis.check_database(chosen))
    assert finding.state is State.FAILURE
    assert "does not exist" in finding.words


# --- worker ---


async def test_worker_that_starts_tells_its_model_and_listens(tmp_path: Path) -> None:
    worker, speech = await diagnosis.check_worker(settings(tmp_path, worker=WorkerSettings()))
    assert (worker.state, speech.state) == (State.OK, State.OK)
    assert "all-MiniLM-L6-v2 is ready" in worker.words
    assert "a recording was listened to" in speech.words
    assert contents(tmp_path) == []


async def test_speech_that_cannot_be_recognised_is_told_by_itself(tmp_path: Path) -> None:
    chosen = settings(
        tmp_path, worker=WorkerSettings(), models={"transcription": ModelSettings(folder=tmp_path / "none")}
    )
    worker, speech = await diagnosis.check_worker(chosen)
    assert (worker.state, speech.state) == (State.OK, State.FAILURE)
    assert "[models.transcription]" in speech.words


async def test_model_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    models = {"embedding": ModelSettings(folder=tmp_path / "none")}
    chosen = settings(tmp_path, worker=WorkerSettings(), models=models)
    finding = only(await diagnosis.check_worker(chosen))
    assert finding.state is State.FAILURE
    assert "[models.embedding]" in finding.words


# --- values ---


def test_clock_without_a_time_to_compare_with_is_doubtful() -> None:
    assert compare_clocks("clock", "", 0.0).state is State.WARNING
    assert compare_clocks("clock", "Thu, 01 Jan 1970 00:01:00 GMT", 0.0).state is State.OK
    assert compare_clocks("clock", "Thu, 01 Jan 1970 00:01:01 GMT", 0.0).state is State.FAILURE


def test_address_is_reached_where_it_is_listened_on() -> None:
    assert [ports.reached_at(host) for host in ("0.0.0.0", "::", "10.0.0.1", "fd00::1")] == [
        "127.0.0.1",
        "[::1]",
        "10.0.0.1",
        "[fd00::1]",
    ]


# --- the endpoint of big models ---


async def endpoint_finding(folder: Path, server: FakeEndpoint, **changes: object) -> Finding:
    given = {"url": server.url, "model": "tiny", "seconds": 2.0} | changes
    return only(await diagnosis.check_endpoint(settings(folder, endpoint=EndpointSettings(**given))))


async def test_an_endpoint_that_answers_is_fine(tmp_path: Path) -> None:
    async with FakeEndpoint(listed=["other", "tiny:latest"]).serving() as server:
        found = await endpoint_finding(tmp_path, server)
    assert found.state is State.OK
    assert f"tiny at {server.url} answered in" in found.words


async def test_an_endpoint_that_does_not_list_its_models_is_tried(tmp_path: Path) -> None:
    async with FakeEndpoint(listed=None).serving() as server:
        assert (await endpoint_finding(tmp_path, server)).state is State.OK
    assert len(server.requests) == 1


async def test_an_endpoint_without_the_model_says_which_it_has(tmp_path: Path) -> None:
    async with FakeEndpoint(listed=["alpha", "beta"]).serving() as server:
        found = await endpoint_finding(tmp_path, server)
    assert found.state is State.FAILURE
    assert "has no model 'tiny'; it has: alpha, beta." in found.words
    assert server.requests == []


async def test_an_endpoint_that_lists_a_model_and_cannot_use_it_is_broken(tmp_path: Path) -> None:
    async with FakeEndpoint(statuses=[(404, {})]).serving() as server:
        found = await endpoint_finding(tmp_path, server)
    assert (found.state, "knows no model 'tiny'" in found.words) == (State.FAILURE, True)


@pytest.mark.parametrize(("given", "state"), [("hush", State.OK), ("", State.FAILURE), ("no", State.FAILURE)])
async def test_the_key_of_an_endpoint_is_tried_and_not_shown(
    tmp_path: Path, given: str, state: State
) -> None:
    async with FakeEndpoint(key="hush").serving() as server:
        found = await endpoint_finding(tmp_path, server, key=SecretStr(given))
    assert found.state is state
    assert "hush" not in found.words + found.advice


async def test_an_endpoint_that_is_down_is_named(tmp_path: Path) -> None:
    async with FakeEndpoint().serving() as server:
        pass
    found = await endpoint_finding(tmp_path, server)
    assert (found.state, server.url in found.words) == (State.FAILURE, True)


async def test_an_endpoint_is_checked_when_it_is_set(tmp_path: Path) -> None:
    async with FakeEndpoint().serving() as server:
        chosen = settings(tmp_path, endpoint=EndpointSettings(url=server.url, model="tiny"))
        found = [each async for each in diagnosis.diagnose(chosen)]
    assert [each.state for each in found if each.what == "model endpoint"] == [State.OK]


async def test_the_file_of_a_key_that_cannot_be_read_fails_the_endpoint_alone(tmp_path: Path) -> None:
    endpoint = EndpointSettings(url="http://127.0.0.1:9/v1", model="tiny", key_file=tmp_path / "none")
    found = [each async for each in diagnosis.diagnose(settings(tmp_path, endpoint=endpoint))]
    broken = [each for each in found if each.state is State.FAILURE]
    assert [each.what for each in broken] == ["model endpoint"]
    assert "endpoint.key_file" in broken[0].words
