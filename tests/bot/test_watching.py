"""Observers and jobs, in the whole bot: what they see, what they leave behind, what stops them not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import following, watching
from bot.guards.access import Access
from bot.message import Priority, Reply, ReplyFile
from bot.models import Tenant, tenant
from bot.observers import Observed, WatchContext, observer
from bot.settings import LimitSettings, PluginsSettings, Settings
from bot.skills import Context
from bot.testing import Harness, open_harness

WATCHER = Path(__file__).parent.parent / "fixtures" / "plugins" / "watcher.py"
AREA = "plugin:watcher"


_running: list[asyncio.Task[None]] = []


def settings_for(folder: Path, **changes: object) -> Settings:
    return Settings(
        data_dir=folder,
        limits=LimitSettings(person_per_minute=0, channel_per_minute=0),
        plugins=PluginsSettings(paths=(WATCHER,)),
        **changes,
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE", 0.02)


@pytest.fixture
def harness_settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


@pytest.fixture
async def harness(harness_settings: Settings) -> AsyncIterator[Harness]:
    async with open_harness(harness_settings) as running:
        await running.watched()  # everyone has begun
        yield running


def said(text: str, harness: Harness, **changes: object):
    return harness.message(text, direct=False, **changes)


async def kinds(harness: Harness) -> list[str]:
    """What the counter was shown, in order."""
    notes = await harness.bot.store.notes.beginning(AREA, "kind/")
    return [notes[f"kind/{number}"] for number in range(1, len(notes) + 1)]


async def watch(harness: Harness, added: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one more observer of the plugin watch until the test is over."""
    bot = harness.bot
    steps = bot.watching._followings[0]._steps
    one = following.Following(replace(added, plugin="watcher"), bot.store, steps, Access((), {}))  # type: ignore[type-var]
    bot.watching._followings.append(one)
    task = asyncio.create_task(one.run())
    _running.append(task)
    await until(lambda: one.position >= 0)


@pytest.fixture(autouse=True)
async def stopped() -> AsyncIterator[None]:
    yield
    for task in _running:
        task.cancel()
    await asyncio.gather(*_running, return_exceptions=True)
    _running.clear()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_an_observer_sees_all_events_in_order_once(harness: Harness) -> None:
    first = said("one", harness)
    await harness.hand_in(first)
    await harness.watched()
    await harness.hand_in(harness.edit(first, "one, edited"))
    await harness.watched()
    for number in range(300):
        await harness.bot.accept(said(f"number {number}", harness, channel=f"room-{number % 7}"))
    await harness.bot.accept(harness.delete(first))
    await harness.watched()
    assert await kinds(harness) == [
        "created one",
        "edited one, edited",
        *(f"created number {number}" for number in range(300)),
        "deleted",
    ]


async def test_what_an_observer_says_goes_where_it_names(harness: Harness) -> None:
    await harness.hand_in(said("quiet", harness))
    assert await harness.watched() == []
    await harness.hand_in(said("HELP", harness, author="bob"))
    assert await harness.watched() == [Reply("loud: Bob HELP", skill="counter", to="test:mods")]
    assert await harness.watched() == []
    heard = await harness.bot.store.history.recent("test:mods")
    assert [(each.role, each.text) for each in heard] == [("bot", "loud: Bob HELP")]
    outgoing = harness.connector.sent[heard[0].key]
    assert outgoing.channel.conversation == outgoing.message.channel.conversation == "test:mods"


async def test_what_can_go_nowhere_is_logged_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(tmp_path, plugin={"watcher": {"room": "elsewhere:mods"}})
    async with open_harness(settings) as harness:
        await harness.watched()
        await harness.hand_in(said("HELP", harness))
        assert await harness.watched() == []
        assert await kinds(harness) == ["created HELP"]
    assert "nothing is connected at elsewhere:mods" in caplog.text


async def test_scores_follow_edits_and_deletions(harness: Harness) -> None:
    first, second = said("four", harness), said("seven!!", harness)
    for each in (first, second, harness.edit(first, "sixsix")):
        await harness.hand_in(each)
        await harness.watched()
    scores = await harness.bot.store.scores.series("watcher", conversation="test:room")
    assert [(each.key, each.value) for each in scores] == [(first.key, 6), (second.key, 7)]
    await harness.hand_in(harness.delete(first))
    assert [each.key for each in await harness.bot.store.scores.series("watcher")] == [second.key]


async def test_of_what_was_deleted_before_it_was_seen_only_that_is_shown(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asyncio.timeout(10):
        message = said("secret", harness)
        held = asyncio.Event()
        looked = harness.bot.store.watching.newest

        async def hold() -> int:
            await held.wait()
            return await looked()

        monkeypatch.setattr(harness.bot.store.watching, "newest", hold)
        await asyncio.sleep(following.LOOK_SECONDS + 0.1)  # everyone waits there now
        await harness.hand_in(message)
        await harness.hand_in(harness.delete(message))
        held.set()
        await harness.watched()
        assert await kinds(harness) == ["deleted"]


async def test_the_bot_itself_is_seen_by_those_who_ask_for_it(harness: Harness) -> None:
    await harness.say("/help counted")
    await harness.hand_in(said("HELP", harness, channel="elsewhere"))
    await harness.watched()
    assert [each.partition(" ")[0] for each in await kinds(harness)] == ["created", "created"]
    heard = (await harness.bot.store.notes.get(AREA, "said") or "").splitlines()
    assert heard[0] == "ann: /help counted"
    assert heard[1].startswith("bot: ")
    assert "ann: HELP" in heard
    assert not any("loud" in each for each in heard), "what watchers say is not shown to watchers"


async def test_where_a_plugin_or_an_observer_is_off_it_sees_nothing(tmp_path: Path) -> None:
    rules = (
        {"match": "test:private*", "disable": ("watcher",)},
        {"match": "test:half*", "disable": ("counter",)},
    )
    async with open_harness(settings_for(tmp_path, channels=rules)) as harness:
        await harness.watched()
        for place in ("private", "half", "open"):
            await harness.hand_in(said(f"in {place}", harness, channel=place))
        await harness.watched()
        assert await kinds(harness) == ["created in open"]
        assert await harness.bot.store.notes.get(AREA, "said") == "ann: in half\nann: in open\n"


async def test_events_that_cannot_be_borne_are_passed_over_and_no_others(
    harness: Harness, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"poison {n}" if n in (3, 40, 41) else f"number {n}" for n in range(64)]
    messages = [said(text, harness) for text in texts]
    for each in messages:
        await harness.bot.accept(each)
    await harness.watched()
    assert await kinds(harness) == [f"created {text}" for text in texts if "poison" not in text]
    passed = [each.getMessage() for each in caplog.records if "passes over" in each.getMessage()]
    assert passed == [
        f"observer:watcher/counter passes over the event of {messages[n].key}: it failed 3 times"
        for n in (3, 40, 41)
    ]
    assert "poison" not in caplog.text
    assert len(await harness.bot.store.scores.series("watcher")) == 61


async def test_a_batch_that_takes_too_long_is_halved(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []

    @observer(deadline=0.1)
    async def slow(context: WatchContext, events: list[Observed]) -> None:
        """Take longer for more."""
        await asyncio.sleep(0.01 + 0.04 * len(events))
        seen.extend(int(event.text) for event in events)

    await watch(harness, slow, monkeypatch)
    for number in range(10):
        await harness.bot.accept(said(str(number), harness))
    await until(lambda: len(seen) == 10)
    assert seen == list(range(10))
    assert "took longer than 0.1 s" in caplog.text


async def test_without_models_an_observer_waits_and_passes_nothing_over(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[tuple[str, Priority, str]] = []

    @observer
    async def needy(context: WatchContext, events: list[Observed]) -> None:
        """Need models."""
        await context.models.embed([event.text for event in events])
        seen.extend(event.text for event in events)

    seen: list[str] = []
    embed = harness.models.embed

    async def noted(texts, *, priority=Priority.PERSON, deadline=None):
        asked.append((texts[0], priority, tenant.get().skill))
        return await embed(texts, priority=priority, deadline=deadline)

    monkeypatch.setattr(harness.models, "embed", noted)
    await watch(harness, needy, monkeypatch)
    harness.models.down = True
    await harness.bot.accept(said("one", harness))
    await until(lambda: len([each for each in asked if each[0] == "one"]) > 4)
    assert seen == []
    harness.models.down = False
    await until(lambda: seen == ["one"])
    assert asked[-1] == ("one", Priority.BACKGROUND, "needy")
    assert "waits for the models" in caplog.text
    assert "passes over" not in caplog.text


async def test_a_slow_observer_delays_no_answer(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    @observer
    async def stuck(context: WatchContext, events: list[Observed]) -> None:
        """Take for ever."""
        begun.set()
        await asyncio.sleep(3600)

    await watch(harness, stuck, monkeypatch)
    await harness.hand_in(said("x", harness))
    await begun.wait()
    async with asyncio.timeout(5):
        for _ in range(20):
            assert await harness.say("/help counted")


async def test_a_new_observer_begins_now_and_an_old_one_where_it_was(tmp_path: Path) -> None:
    without = settings_for(tmp_path).model_copy(update={"plugins": PluginsSettings()})
    async with open_harness(without) as harness:
        await harness.hand_in(said("before it was there", harness))
    async with open_harness(settings_for(tmp_path)) as harness:
        await harness.watched()
        await harness.hand_in(said("first", harness))
        await harness.watched()
    async with open_harness(without) as harness:
        await harness.hand_in(said("while it was away", harness))
    async with open_harness(settings_for(tmp_path)) as harness:
        await harness.watched()
        assert await kinds(harness) == ["created first", "created while it was away"]


async def test_of_two_processes_one_watches_and_the_other_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "RENEW_SECONDS", 0.1)
    async with AsyncExitStack() as both:
        first = await both.enter_async_context(open_harness(settings_for(tmp_path)))
        await first.watched()
        second = await both.enter_async_context(open_harness(settings_for(tmp_path)))
        assert await second.bot.watching.behind()
        for number in range(20):
            await second.hand_in(said(f"to the second {number}", second))
        await first.watched()
        owners = [each.bot.lanes.owner for each in (first, second)]
        assert await first.bot.store.leases.take("watching", owners[1], 10, instead_of=owners[0])
        await until(lambda: second.bot.watching._on_duty.is_set())
        await until(lambda: not first.bot.watching._on_duty.is_set())
        await first.hand_in(said("to the first", first))
        await second.watched()
        assert await kinds(second) == [
            *(f"created to the second {number}" for number in range(20)),
            "created to the first",
        ]


async def test_skills_share_notes_and_scores_with_their_plugin(harness: Harness) -> None:
    await harness.hand_in(said("four", harness))
    await harness.watched()
    assert (await harness.say("/counted", channel="elsewhere")).endswith(" [4.0] ['asked']")


async def test_models_know_on_whose_behalf_they_are_asked(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Tenant] = []

    async def counted(context: Context) -> str:
        heard.append(tenant.get())
        return "done"

    found = harness.bot.plugins.skills["counted"]
    monkeypatch.setitem(harness.bot.plugins.skills, "counted", replace(found, function=counted))
    monkeypatch.setattr(type(harness.connector), "community", lambda self, conversation: f"of {conversation}")
    assert await harness.say("/counted", channel="elsewhere") == "done"
    assert heard == [Tenant("counted", "of test:elsewhere")]
    assert tenant.get() == Tenant()


async def test_a_job_is_run_by_hand_with_a_chosen_present(harness: Harness) -> None:
    await harness.hand_in(said("x", harness))
    await harness.watched()
    moment = datetime(2031, 5, 5, 9, tzinfo=UTC)
    (reply,) = await harness.run_job("digest", moment)
    assert (reply.text, reply.to) == ("05.05.: 1 messages", "test:mods")
    (reply,) = await harness.run_job("digest", moment.replace(minute=1))
    assert reply.text == "05.05.: 0 messages"
    with pytest.raises(LookupError, match="no job 'digets'"):
        await harness.run_job("digets")


async def test_a_job_that_fails_leaves_nothing_behind(harness: Harness) -> None:
    with pytest.raises(ValueError, match="no"):
        await harness.run_job("broken")
    assert await harness.bot.store.notes.get(AREA, "broken") is None


async def test_reply_hooks_look_at_what_watchers_say(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def review(message, reply):
        assert message.channel.conversation == "test:mods"
        return Reply(reply.text.replace("HELP", "h***"), to="test:other")

    monkeypatch.setattr(harness.bot.plugins, "review", review)
    await harness.hand_in(said("HELP", harness))
    (reply,) = await harness.watched()
    assert (reply.text, reply.to) == ("loud: Ann h***", "test:mods")


async def test_the_file_an_observer_sends_is_delivered_and_kept_beside_the_message(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    @observer
    async def drawer(context: WatchContext, events: list[Observed]) -> Reply:
        """Send a picture of what was said."""
        return Reply("a picture", to="test:gallery", files=(ReplyFile("a.txt", "text/plain", b"drawn"),))

    await watch(harness, drawer, monkeypatch)
    await harness.hand_in(said("hello", harness))
    (reply,) = [each for each in await harness.watched() if each.to == "test:gallery"]
    assert reply.files == (ReplyFile("a.txt", "text/plain", b"drawn"),)
    (kept,) = [each for each in harness.connector.sent.values() if each.reply.to == "test:gallery"]
    assert kept.reply.text == "a picture"
