"""Parts reach the platform in order, once, through every way a platform can fail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.connector import Outgoing
from bot.errors import Refused, RetryLater, Uncertain
from bot.testing import Harness, RecordingConnector, open_harness
from bot.testing.platform import platform_settings
from storage import OutboxState


class Moody(RecordingConnector):
    """Does what the test says before it takes a part."""

    grace_seconds = 0.01

    def __init__(self) -> None:
        super().__init__()
        self.moods: list[Exception] = []
        self.attempts: list[str] = []
        self.takes_before_failing = False
        self.found: list[str] = []
        self.tried: list[datetime | None] = []

    async def send(self, outgoing: Outgoing) -> str:
        self.attempts.append(outgoing.key)
        if self.moods:
            mood = self.moods.pop(0)
            if self.takes_before_failing:
                self.sent[outgoing.key] = outgoing
            raise mood
        return await super().send(outgoing)

    async def find(self, outgoing: Outgoing) -> str | None:
        self.found.append(outgoing.key)
        self.tried.append(outgoing.tried_at)
        return outgoing.key if outgoing.key in self.sent else None


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
async def harness(tmp_path: Path, moody: Moody, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    monkeypatch.setattr("bot.delivery.FIRST_PAUSE", 0.01)
    async with open_harness(platform_settings(tmp_path), moody) as running:
        yield running


@pytest.mark.parametrize(
    "mood",
    [lambda: RetryLater(0.01), lambda: Uncertain("dropped"), lambda: ConnectionResetError(104, "reset")],
)
@pytest.mark.parametrize("delivers_once", [True, False])
async def test_a_failing_platform_is_tried_again(
    harness: Harness, moody: Moody, mood: Callable[[], Exception], delivers_once: bool
) -> None:
    moody.delivers_once = delivers_once
    moody.moods = [mood(), mood()]
    assert await harness.say("echo hi") == "hi"
    assert len(set(moody.attempts)) == 1
    assert len(moody.attempts) == 3


async def test_an_unknown_outcome_is_looked_up_before_sending_again(harness: Harness, moody: Moody) -> None:
    moody.delivers_once = False
    moody.takes_before_failing = True
    moody.moods = [Uncertain("no answer")]
    assert await harness.say("echo hi") == "hi"
    assert len(moody.attempts) == 1
    assert moody.found == moody.attempts


async def test_what_is_looked_up_is_no_older_than_its_first_try(tmp_path: Path, moody: Moody) -> None:
    """A part may have waited long before anybody tried it."""
    moody.delivers_once = False
    moody.moods = [RetryLater(0.3), Uncertain("no answer")]
    async with open_harness(platform_settings(tmp_path), moody) as harness:
        await harness.bot.accept(harness.message("echo hi"))
        async with asyncio.timeout(5):
            while moody.moods:
                await asyncio.sleep(0.01)
        begun = datetime.now(UTC)
        async with asyncio.timeout(5):
            while not moody.sent:
                await asyncio.sleep(0.01)
    (part,) = moody.sent.values()
    (tried_at,) = moody.tried
    assert tried_at is not None
    assert part.written_at < tried_at < begun
    assert part.tried_at == tried_at


async def test_a_refused_part_is_given_up_and_the_next_goes_out(harness: Harness, moody: Moody) -> None:
    moody.moods = [Refused("no such channel")]
    assert await harness.say("echo one") == ""
    assert await harness.say("echo two") == "two"
    health = await harness.bot.store.health()
    assert health.outbox == {OutboxState.FAILED: 1, OutboxState.SENT: 1}


async def test_order_holds_while_a_part_is_tried_again(harness: Harness, moody: Moody) -> None:
    moody.moods = [RetryLater(0.2)]
    first, second = harness.message("echo first"), harness.message("echo second")
    await asyncio.gather(harness.hand_in(first), harness.hand_in(second))
    assert [sent.reply.text for sent in moody.sent.values()] == ["first", "second"]


async def test_what_was_not_sent_is_sent_after_a_restart(tmp_path: Path, moody: Moody) -> None:
    settings = platform_settings(tmp_path).model_copy(
        update={"lanes": platform_settings(tmp_path).lanes.model_copy(update={"drain_seconds": 0.1})}
    )
    moody.moods = [RetryLater(60)]
    async with open_harness(settings, moody) as harness:
        await harness.bot.accept(harness.message("echo hi"))
        await asyncio.sleep(0.3)
    assert moody.sent == {}
    async with open_harness(settings, moody) as harness:
        async with asyncio.timeout(5):
            while not moody.sent:
                await asyncio.sleep(0.01)
        assert [sent.reply.text for sent in moody.sent.values()] == ["hi"]


async def test_what_is_finished_while_a_platform_is_being_opened_is_sent(
    tmp_path: Path, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outbox is read before the part is in it, and the part is handed over before that is known."""
    async with open_harness(platform_settings(tmp_path), moody) as harness:
        await harness.bot.delivery.close("test")
        pending = harness.bot.store.outbox.pending

        async def slowly(*arguments: object) -> object:
            found = await pending(*arguments)  # type: ignore[arg-type]
            await asyncio.sleep(0.3)
            return found

        monkeypatch.setattr(harness.bot.store.outbox, "pending", slowly)
        opening = asyncio.create_task(harness.bot.delivery.open("test"))
        await asyncio.sleep(0.1)
        await harness.bot.accept(harness.message("echo in between"))
        await opening
        async with asyncio.timeout(5):
            while not moody.sent:
                await asyncio.sleep(0.01)


async def test_a_platform_closed_while_its_outbox_is_read_stays_closed(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may be on duty there by then."""
    delivery, read = harness.bot.delivery, harness.bot.store.outbox.pending
    reading, closed = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(5):
        while "test" not in delivery._swept:  # the bot has just begun
            await asyncio.sleep(0.01)

    async def slow(*wanted: object) -> object:
        reading.set()
        await closed.wait()
        return await read(*wanted)  # type: ignore[arg-type]

    monkeypatch.setattr(harness.bot.store.outbox, "pending", slow)
    opening = asyncio.create_task(delivery.open("test"))
    await reading.wait()
    await delivery.close("test")
    closed.set()
    await opening
    assert "test" not in delivery._swept
