"""The connection breaks in every way, and nothing is lost, doubled, or asked for too often."""

import asyncio
import logging
import random
from pathlib import Path

import pytest

from bot.app import Bot
from bot.connectors.discord import DiscordConnector, gateway, intake, listening
from bot.connectors.discord.signins import SIGN_INS_A_DAY, Clock, Pauses
from bot.errors import BadSettings
from bot.settings import DiscordSettings, Settings
from bot.testing import RecordingConnector
from bot.testing.discord import FakeDiscord, shapes
from storage import StorageUnavailable
from tests.bot.connectors.discord.conftest import answers, discord_settings, finished, open_bot, until


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "RESUME_PAUSES", (0.05, 0.2))
    monkeypatch.setattr(gateway, "IDENTIFY_PAUSES", (0.05, 0.2))
    monkeypatch.setattr("bot.connectors.discord.signins.APART_SECONDS", 0.05)
    monkeypatch.setattr(listening, "REMEMBER_SECONDS", 0.1)


@pytest.mark.parametrize("how", ["close", "abort", "reconnect", "invalid but resumable"])
async def test_a_break_is_resumed_without_signing_in(bot: Bot, discord: FakeDiscord, how: str) -> None:
    where = discord.dm("ann")
    slow = discord.say(where, "wait 0.5 slow")
    await until(lambda: discord.typing)
    if how == "close":
        discord.disconnect(4000)
    elif how == "abort":
        discord.abort()
    elif how == "reconnect":
        discord.ask_reconnect()
    else:
        discord.invalidate(resumable=True)
    away = discord.say(where, "echo while away")
    await finished(bot, f"discord:{slow}")
    await finished(bot, f"discord:{away}")
    assert [each.content for each in discord.shown(where)] == ["slow", "while away"]
    assert (len(discord.identifies), discord.resumes) == (1, 1)


async def test_an_invalid_session_signs_in_again_and_fetches_what_was_missed(
    bot: Bot, discord: FakeDiscord
) -> None:
    where, other = discord.dm("ann"), discord.add_channel("other")
    thread = discord.add_thread(other, "talk")
    first = discord.say(where, "echo before")
    await finished(bot, f"discord:{first}")
    discord.say(where, "echo direct", deliver=False)
    missed = discord.say(other, "echo mention", mention_bot=True, deliver=False)
    edited = discord.say(thread, "echo old", mention_bot=True, deliver=False)
    discord.edit(edited, f"<@{discord.bot_id}> echo edited", deliver=False)
    discord.invalidate(resumable=False)
    assert [each.content for each in await answers(discord, where, 2)] == ["before", "direct"]
    assert [each.content for each in await answers(discord, missed)] == ["mention"]
    assert [each.content for each in await answers(discord, thread)] == ["edited"]
    assert len(discord.identifies) == 2


async def test_what_is_fetched_and_told_again_is_answered_once(
    settings: Settings, discord: FakeDiscord
) -> None:
    where = discord.add_channel("busy")
    async with open_bot(settings, discord) as bot:
        for number in range(250):
            discord.say(where, f"talk {number}")
        mentions = [discord.say(where, f"echo {each}", mention_bot=True) for each in range(10)]
        discord.invalidate(resumable=False)
        for each in mentions:
            discord.say(where, "again", message_id=each)
        await until(lambda: len(discord.identifies) == 2)
        for each in mentions:
            discord.say(where, "again", message_id=each)
            await finished(bot, f"discord:{each}")
        assert [[s.content for s in discord.shown(each)] for each in mentions] == [
            [str(n)] for n in range(10)
        ]
        recent = await bot.store.history.recent(f"discord:{where}", limit=1000)
        assert len(recent) == 250


async def test_a_restart_resumes_the_session_and_hears_what_was_said_meanwhile(
    settings: Settings, discord: FakeDiscord
) -> None:
    where = discord.dm("ann")
    async with open_bot(settings, discord) as bot:
        first = discord.say(where, "echo one")
        await finished(bot, f"discord:{first}")
    discord.say(where, "echo two")
    interaction = discord.slash("echo", {"text": "three"})
    async with open_bot(settings, discord):
        assert [each.content for each in await answers(discord, where, 2)] == ["one", "two"]
        await interaction.answered()
        assert interaction.content == "three"
    assert (len(discord.identifies), discord.resumes) == (1, 1)


async def test_a_restart_long_after_fetches_what_was_said_meanwhile(
    settings: Settings, discord: FakeDiscord
) -> None:
    where = discord.dm("ann")
    async with open_bot(settings, discord) as bot:
        first = discord.say(where, "echo one")
        await finished(bot, f"discord:{first}")
    discord.gateway.sessions.clear()
    discord.say(where, "echo two")
    missed = discord.say(discord.general_id, "echo three", mention_bot=True)
    async with open_bot(settings, discord):
        assert [each.content for each in await answers(discord, where, 2)] == ["one", "two"]
        assert [each.content for each in await answers(discord, missed)] == ["three"]
    assert len(discord.identifies) == 2


async def test_other_intents_begin_a_new_session(
    tmp_path: Path, settings: Settings, discord: FakeDiscord
) -> None:
    async with open_bot(settings, discord):
        pass
    async with open_bot(discord_settings(tmp_path, discord, message_content=False), discord):
        pass
    assert (len(discord.identifies), discord.resumes) == (2, 0)


async def test_nothing_is_fetched_where_the_operator_wants_none(tmp_path: Path, discord: FakeDiscord) -> None:
    settings = discord_settings(tmp_path, discord, catch_up_hours=0)
    async with open_bot(settings, discord):
        pass
    discord.gateway.sessions.clear()
    missed = discord.say(discord.general_id, "echo three", mention_bot=True, deliver=False)
    async with open_bot(settings, discord) as bot:
        later = discord.say(discord.general_id, "hello")
        await finished(bot, f"discord:{later}")
        assert await bot.store.inbox.state(f"discord:{missed}") is None


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013, 4014])
async def test_fatal_codes_stop_this_connector_alone_with_a_hint(
    settings: Settings, discord: FakeDiscord, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    discord.refuse_identify(code)
    other = RecordingConnector()
    async with open_bot(settings, discord, other, connected=False) as bot:
        await until(lambda: "refuses the account" in bot.duty.states()["discord"])
        await asyncio.sleep(0.3)
        assert bot.duty.states()["test"] == "ok"
    assert len(discord.identifies) == 1
    [hint] = [each.getMessage() for each in caplog.records if each.name == "bot.duty"]
    assert gateway.FATAL[code] in hint
    assert discord.token not in caplog.text


async def test_a_wrong_token_stops_it_too(settings: Settings, discord: FakeDiscord) -> None:
    wrong = settings.discord.model_copy(update={"token": type(settings.discord.token)("wrong.token.here")})
    settings = settings.model_copy(update={"discord": wrong})
    async with open_bot(settings, discord, RecordingConnector(), connected=False) as bot:
        await until(lambda: "refuses the account" in bot.duty.states()["discord"])
    assert [path for _, path, _ in discord.requests] == ["/users/@me"]


async def test_a_missing_intent_is_named(
    settings: Settings, discord: FakeDiscord, caplog: pytest.LogCaptureFixture
) -> None:
    discord.grant_intents(0)
    async with open_bot(settings, discord, RecordingConnector(), connected=False) as bot:
        await until(lambda: "refuses the account" in bot.duty.states()["discord"])
    assert "Message Content Intent" in caplog.text


async def test_payloads_that_cannot_be_read_are_skipped(
    bot: Bot, discord: FakeDiscord, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "the secret text"
    discord.send_raw("{not json " + secret)
    discord.send_raw({"op": 0, "t": "MESSAGE_CREATE", "s": 900, "d": {"content": secret}})
    discord.send_raw({"op": 0, "t": "MESSAGE_CREATE", "s": 901, "d": [secret]})
    discord.send_raw({"op": 0, "t": "GUILD_CREATE", "s": 902, "d": {"name": secret}})
    discord.send_raw({"op": 0, "t": "INTERACTION_CREATE", "s": 903, "d": {"type": 2, "data": secret}})
    discord.send_raw({"op": 0, "t": "MESSAGE_REACTION_ADD", "s": 904, "d": None})
    discord.send_raw({"op": 77, "d": secret})
    discord.send_raw("[]")
    where = discord.dm("ann")
    discord.say(where, "echo still here")
    assert [each.content for each in await answers(discord, where)] == ["still here"]
    assert len(discord.identifies) == 1
    assert secret not in caplog.text
    assert caplog.text.count("cannot be read") >= 6


async def test_a_half_open_connection_is_noticed(
    settings: Settings, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "HEARTBEAT_SECONDS", 1.0)
    monkeypatch.setattr(gateway, "CLOSE_SECONDS", 0.2)
    discord.gateway.heartbeat_seconds = 0.3
    async with open_bot(settings, discord) as bot:
        discord.freeze()
        where = discord.dm("ann")
        number = discord.say(where, "echo after silence")
        await finished(bot, f"discord:{number}")
        assert discord.resumes == 1


async def test_a_stalled_database_stops_the_reading_and_loses_nothing(
    settings: Settings, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST_WAITING", 50)
    where = discord.add_channel("flood")
    async with open_bot(settings, discord) as bot:
        accept, broken = bot.store.inbox.accept, True

        async def failing(event: object) -> object:
            if broken:
                raise StorageUnavailable("the disk is full")
            return await accept(event)  # type: ignore[arg-type]

        monkeypatch.setattr(bot.store.inbox, "accept", failing)
        for number in range(300):
            discord.say(where, f"talk {number}")
        await asyncio.sleep(0.5)
        waiting = len(asyncio.all_tasks())
        assert waiting < 120
        broken = False
        last = discord.say(where, "the last")
        await finished(bot, f"discord:{last}")
        recent = await bot.store.history.recent(f"discord:{where}", limit=1000)
        assert len(recent) == 301


async def test_a_day_of_flapping_stays_within_the_budget(
    settings: Settings, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three seconds after each sign-in the connection is lost, and its session with it."""
    monkeypatch.undo()
    seconds = await _flap(settings, discord, steady=3.0, hours=24)
    assert seconds >= 86_400
    assert 50 < len(discord.identifies) <= SIGN_INS_A_DAY


async def test_a_day_of_breaks_every_six_minutes_meets_the_breaker(
    settings: Settings,
    discord: FakeDiscord,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.undo()
    await _flap(settings, discord, steady=360.0, hours=23.9)
    assert len(discord.identifies) == SIGN_INS_A_DAY
    assert any(
        each.levelno == logging.CRITICAL and "200 times" in each.getMessage() for each in caplog.records
    )


async def _flap(settings: Settings, discord: FakeDiscord, *, steady: float, hours: float) -> float:
    """Simulated hours of it; how many simulated seconds went by."""
    began = 1_800_000_000.0
    wall = Wall(began, began + hours * 3600)
    clock = Clock(lambda: wall.now, wall.sleep)
    async with open_bot(settings, discord, connected=False, clock=clock, chance=random.Random(1)):
        sessions = discord.gateway.sessions
        while not wall.is_over:
            count = len(discord.identifies)
            await until(lambda: wall.is_over or any(each.sequence >= 2 for each in sessions.values()))
            await asyncio.sleep(0.01)
            wall.now += steady
            discord.invalidate(resumable=False)
            discord.disconnect(4000)
            await until(lambda count=count: len(discord.identifies) > count or wall.is_over)
    return wall.now - began


class Wall:
    """A clock that only sleeping moves; past its end nobody wakes."""

    def __init__(self, now: float, end: float) -> None:
        self.now = now
        self._end = end

    @property
    def is_over(self) -> bool:
        return self.now > self._end

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.is_over:
            await asyncio.Event().wait()
        await asyncio.sleep(0)


async def test_the_budget_outlives_the_process(
    settings: Settings, discord: FakeDiscord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.connectors.discord.signins.SIGN_INS_A_DAY", 2)
    for _ in range(2):
        async with open_bot(settings, discord):
            pass
        discord.gateway.sessions.clear()
    async with open_bot(settings, discord, connected=False) as bot:
        connector = bot.connectors["discord"]
        await until(lambda: "too many sign-ins" in connector.status())
    assert len(discord.identifies) == 2


async def test_discords_own_count_is_heeded(
    settings: Settings, discord: FakeDiscord, caplog: pytest.LogCaptureFixture
) -> None:
    discord.session_start_limit.update(remaining=3, reset_after=300)
    async with open_bot(settings, discord):
        pass
    assert "Discord allows 3 more sign-ins" in caplog.text


def test_pauses_grow_and_begin_again() -> None:
    pauses = Pauses(5.0, 900.0, random.Random(3))
    grown = [pauses.next() for _ in range(12)]
    assert all(2.5 * 2**n <= each <= 5.0 * 2**n for n, each in enumerate(grown[:7]))
    assert all(450 <= each <= 900 for each in grown[8:])
    pauses.reset()
    assert pauses.next() <= 5.0


def test_without_a_token_there_is_no_connector(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="PARLEY_DISCORD__TOKEN"):
        DiscordConnector(Settings(data_dir=tmp_path, discord=DiscordSettings()))


def test_asks_for_no_more_than_it_needs() -> None:
    asked = dict(gateway.intents(content=False))
    assert not any(asked[each] for each in ("members", "presences", "message_content"))
    assert dict(gateway.intents(content=True))["message_content"]


async def test_a_guild_that_was_away_is_caught_up(bot: Bot, discord: FakeDiscord) -> None:
    guild = {"id": str(discord.guild_id), "unavailable": True}
    discord.world.tell("GUILD_DELETE", guild, discord.guild_id)
    missed = discord.say(discord.general_id, "echo missed", mention_bot=True, deliver=False)
    shape = shapes.guild_json(discord.world.state.guilds[discord.guild_id], discord.world.state)
    discord.world.tell("GUILD_CREATE", shape, discord.guild_id)
    assert [each.content for each in await answers(discord, missed)] == ["missed"]


async def test_a_break_is_remembered_until_what_was_missed_is_there(
    settings: Settings, discord: FakeDiscord
) -> None:
    """A stop in the middle of catching up begins it anew at the next start."""
    async with open_bot(settings, discord) as bot:
        heard = discord.say(discord.general_id, "hello")
        await finished(bot, f"discord:{heard}")
        await asyncio.sleep(0.3)
    discord.gateway.sessions.clear()
    missed = discord.say(discord.general_id, "echo missed", mention_bot=True, deliver=False)
    discord.fail_next("GET", f"/channels/{discord.general_id}/messages", 503, "unavailable", times=3)
    async with open_bot(settings, discord):
        await asyncio.sleep(0.5)
        assert missed not in discord.world.state.channels
    async with open_bot(settings, discord):
        assert [each.content for each in await answers(discord, missed)] == ["missed"]
