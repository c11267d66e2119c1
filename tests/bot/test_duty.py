"""Duty: one process at a time per account, failures watched, one refusal stops one connector."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot import duty
from bot.app import Bot
from bot.assembly import open_database, open_library
from bot.connector import Connector
from bot.errors import BadSettings, SignInRefused
from bot.loader import load_plugins
from bot.settings import Settings, StorageSettings
from bot.testing.fakes import FakeModels, RecordingConnector
from bot.testing.harness import Harness
from bot.testing.platform import platform_settings


class Account(RecordingConnector):
    """A platform account that says when it is connected."""

    account = "bot-1"

    def __init__(self, platform: str = "test", fail: Callable[[], Exception] | None = None) -> None:
        super().__init__()
        self.platform = platform
        self.connected = False
        self.runs = 0
        self._fail = fail

    async def run(self, bot: object) -> None:
        self.connected, self.runs = True, self.runs + 1
        try:
            if self._fail:
                raise self._fail()
            await super().run(bot)
        finally:
            self.connected = False


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duty, "LEASE_SECONDS", 0.6)
    monkeypatch.setattr(duty, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(duty, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr("bot.delivery.SWEEP_SECONDS", 0.1)


@asynccontextmanager
async def running(settings: Settings, *connectors: Connector) -> AsyncIterator[Bot]:
    models = FakeModels()
    async with open_database(settings) as store, open_library(settings, store, models) as library:
        bot = Bot(settings, store, models, library, load_plugins(settings), connectors)
        work = asyncio.create_task(bot.run())
        try:
            yield bot
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return platform_settings(tmp_path).model_copy(update={"storage": StorageSettings(url=database_url)})


async def test_of_two_processes_one_is_connected_and_the_other_takes_over(settings: Settings) -> None:
    one, two = Account(), Account()
    async with AsyncExitStack() as first:
        first_bot = await first.enter_async_context(running(settings, one))
        await until(lambda: one.connected)
        async with running(settings, two) as second_bot:
            await asyncio.sleep(1.0)
            assert (one.connected, two.connected) == (True, False)
            assert first_bot.duty.states() == {"test": "ok"}
            assert (await second_bot.readiness())[0]["test"] == duty.STANDING_BY
            await first.aclose()
            assert not one.connected
            await until(lambda: two.connected)


async def test_what_a_dead_machine_held_is_taken_over_when_its_lease_runs_out(settings: Settings) -> None:
    account = Account()
    async with open_database(settings) as store:
        await store.leases.take("test:bot-1", "elsewhere:1:abc", 1.0)
    async with running(settings, account):
        await asyncio.sleep(0.5)
        assert not account.connected
        await until(lambda: account.connected)


async def test_a_process_that_lost_its_turn_disconnects(settings: Settings) -> None:
    account = Account()
    async with running(settings, account) as bot:
        await until(lambda: account.connected)
        holder = await bot.store.leases.holder("test:bot-1")
        assert await bot.store.leases.take("test:bot-1", "elsewhere:1:abc", 30.0, instead_of=holder)
        await until(lambda: not account.connected)
        await asyncio.sleep(0.5)
        assert bot.duty.states() == {"test": duty.STANDING_BY}
        await bot.accept(Harness(bot, FakeModels(), account).message("echo hi"))
        await asyncio.sleep(0.5)
        assert account.sent == {}


async def test_whichever_process_answers_the_one_on_duty_sends(settings: Settings) -> None:
    """Messages reach both; each reply is sent once, by the connected process, in order."""
    one, two = Account(), Account()
    async with running(settings, one) as first_bot:
        await until(lambda: one.connected)
        async with running(settings, two) as second_bot:
            first = Harness(first_bot, FakeModels(), one)
            keys = []
            for number in range(60):
                message = first.message(f"echo {number}", channel=f"room-{number % 5}")
                await (first_bot, second_bot)[number % 2].accept(message)
                keys.append(message.key)
            await until(lambda: len(one.sent) == 60, 20)
            assert two.sent == {}
            for room in range(5):
                texts = [
                    each.reply.text for each in one.sent.values() if each.message.channel.id == f"room-{room}"
                ]
                assert texts == [str(number) for number in range(room, 60, 5)]


async def test_a_connector_that_fails_is_started_again(settings: Settings) -> None:
    failing = Account("flaky", fail=lambda: ZeroDivisionError("bug"))
    steady = Account("steady")
    async with running(settings, failing, steady):
        await until(lambda: failing.runs >= 3)
        assert steady.connected


async def test_a_refused_connector_stops_alone(settings: Settings) -> None:
    refused = Account("refused", fail=lambda: SignInRefused("The token is wrong. Copy it again."))
    steady = Account("steady")
    async with running(settings, refused, steady) as bot:
        await until(lambda: steady.connected)
        await asyncio.sleep(0.3)
        assert refused.runs == 1
        assert bot.duty.states() == {"refused": duty.REFUSED, "steady": "ok"}


async def test_when_every_connector_is_refused_the_bot_ends_and_says_why(settings: Settings) -> None:
    refused = Account("refused", fail=lambda: SignInRefused("The token is wrong. Copy it again."))
    models = FakeModels()
    async with open_database(settings) as store, open_library(settings, store, models) as library:
        bot = Bot(settings, store, models, library, load_plugins(settings), [refused])
        with pytest.raises(SignInRefused, match="Copy it again"):
            async with asyncio.timeout(10):
                await bot.run()


async def test_an_operators_mistake_ends_the_bot_at_once(settings: Settings) -> None:
    wrong = Account("wrong", fail=lambda: BadSettings("The port is taken."))
    models = FakeModels()
    async with open_database(settings) as store, open_library(settings, store, models) as library:
        bot = Bot(settings, store, models, library, load_plugins(settings), [wrong, Account("steady")])
        with pytest.raises(BadSettings, match="port is taken"):
            async with asyncio.timeout(10):
                await bot.run()


async def test_a_lease_that_cannot_be_renewed_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the database does not answer, another process may be on duty: fail closed."""
    account = Account()
    async with running(settings, account) as bot:
        await until(lambda: account.connected)
        take = bot.store.leases.take

        async def hang(*arguments: object, **named: object) -> bool:
            await asyncio.sleep(60)
            return True

        monkeypatch.setattr(bot.store.leases, "take", hang)
        await until(lambda: not account.connected)
        assert "test" not in bot.delivery._swept
        monkeypatch.setattr(bot.store.leases, "take", take)
