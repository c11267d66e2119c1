"""What every connector must get right, written once.

A connector's tests define a fixture `driver` that yields a `Driver` on a running bot with the skills of
`bot/testing/skills.py`, and a class `class TestConformance(Conformance)`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol, cast

import pytest

from bot.app import Bot
from bot.controls import Button, Control
from bot.errors import BadInput
from storage import InboxState

HUGE = 1_000_000
SETTLE_SECONDS = 10.0
MALFORMED = [
    "nul \x00 inside",
    "half a pair \ud800",
    "right to left \u202e override",
    "zero\u200bwidth\u2060marks\ufeff",
    "combining " + "e\u0301" * 500,
    "<script>alert(1)</script> & <b>bold</b>",
    "```\nunclosed fence",
    "'; DROP TABLE messages; --",
    "家族 👨‍👩‍👧‍👦 你好",
]


class Driver(Protocol):
    """A person at one platform. Keys are the platform's own for a message; `room` names a conversation."""

    bot: Bot
    can_edit: bool
    can_delete: bool
    can_thread: bool

    async def post(
        self, text: str, *, room: str = "one", key: str | None = None, thread: str | None = None
    ) -> str:
        """Write a message to the bot, again if `key` was posted before; its key, once the bot has it."""

    async def edit(self, key: str, text: str) -> None:
        """Change a message."""

    async def delete(self, key: str) -> None:
        """Take a message back."""

    async def answers(self, key: str) -> list[str]:
        """Wait until the bot is done with a message; the texts people see as answers to it."""

    async def shown(self, room: str = "one") -> list[str]:
        """All texts of the bot that people see in a room now, in order."""


class PressingDriver(Driver, Protocol):
    """A person at a platform that shows controls."""

    can_press: bool

    async def press(self, key: str, label: str) -> str:
        """Press a button, or choose a line of a menu, under the answer to a message; as `post` otherwise."""


class Conformance:
    """The cases. Each leaves nothing unfinished behind."""

    @pytest.fixture(autouse=True)
    async def _nothing_is_left_unfinished(self, driver: Driver) -> object:
        yield
        async with asyncio.timeout(SETTLE_SECONDS):
            while (health := await driver.bot.store.health()).unfinished:
                await asyncio.sleep(0.05)
        assert health.integrity == "ok"

    async def test_a_message_is_answered_once(self, driver: Driver) -> None:
        key = await driver.post("echo hello")
        assert await driver.answers(key) == ["hello"]

    async def test_order_is_kept_within_a_conversation(self, driver: Driver) -> None:
        keys = [await driver.post(f"echo {number}") for number in range(20)]
        assert [await driver.answers(key) for key in keys] == [[str(number)] for number in range(20)]
        assert await driver.shown() == [str(number) for number in range(20)]

    async def test_one_slow_conversation_does_not_hold_up_another(self, driver: Driver) -> None:
        slow = await driver.post("wait 1.5 slow", room="one")
        quick = await driver.post("echo quick", room="two")
        assert await driver.answers(quick) == ["quick"]
        assert await driver.shown("one") == []
        assert await driver.answers(slow) == ["slow"]

    async def test_a_duplicate_changes_nothing(self, driver: Driver) -> None:
        key = await driver.post("echo once")
        await asyncio.gather(*(driver.post("echo once", key=key) for _ in range(20)))
        assert await driver.answers(key) == ["once"]
        assert await driver.shown() == ["once"]

    @pytest.mark.parametrize("text", MALFORMED)
    async def test_odd_text_is_answered(self, driver: Driver, text: str) -> None:
        answers = await driver.answers(await driver.post(f"echo {text}"))
        assert len(answers) == 1
        assert "\x00" not in answers[0]
        assert answers[0].encode()

    async def test_huge_text_is_refused_in_words_and_the_bot_goes_on(self, driver: Driver) -> None:
        with pytest.raises(BadInput, match="longer than 64 KiB"):
            await driver.post("echo " + "x" * HUGE)
        assert await driver.answers(await driver.post("echo still here")) == ["still here"]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("/nosuch thing", "There is no /nosuch here"),
            ("wait soon", "must be a number"),
            ("/overrun", "took longer than"),
            ("/fail", "incident"),
        ],
    )
    async def test_every_failure_is_told_without_details(self, driver: Driver, text: str, words: str) -> None:
        text = text if text.startswith("/") else f"/{text}"
        (answer,) = await driver.answers(await driver.post(text))
        assert words in answer
        assert "secret detail" not in answer
        assert "Traceback" not in answer

    async def test_an_edited_message_is_not_answered_again(self, driver: Driver) -> None:
        self._needs(driver.can_edit, "edits")
        key = await driver.post("echo first")
        assert await driver.answers(key) == ["first"]
        await driver.edit(key, "echo second")
        assert await driver.answers(key) == ["first"]
        message = await driver.bot.store.history.message(key)
        assert message is not None
        assert (message.text, message.edited) == ("echo second", True)

    async def test_an_edit_before_the_answer_counts(self, driver: Driver) -> None:
        self._needs(driver.can_edit, "edits")
        await driver.post("wait 0.5 first")
        key = await driver.post("echo old")
        await driver.edit(key, "echo new")
        assert await driver.answers(key) == ["new"]

    async def test_a_deleted_message_is_not_answered_and_its_text_is_gone(self, driver: Driver) -> None:
        self._needs(driver.can_delete, "deletions")
        key = await driver.post("wait 20 too late")
        await asyncio.sleep(0.2)
        await driver.delete(key)
        assert await driver.answers(key) == []
        assert await driver.bot.store.inbox.state(key) is InboxState.ERASED
        assert await driver.bot.store.history.search("late", conversations=None) == []

    async def test_a_thread_is_a_conversation_of_its_own_and_keeps_its_skill(self, driver: Driver) -> None:
        self._needs(driver.can_thread, "threads")
        await driver.answers(await driver.post("echo begin", thread="t1"))
        assert await driver.answers(await driver.post("go on", thread="t1")) == ["go on"]

    async def test_a_pressed_control_is_answered_like_a_typed_command(self, driver: Driver) -> None:
        self._needs(getattr(driver, "can_press", False), "controls")
        press = cast(PressingDriver, driver).press
        asking = await driver.post("/offer")
        assert len(await driver.answers(asking)) == 1
        for label, command in (("Say hello", "/echo hello"), ("Two", "/echo 2")):
            typed = await driver.answers(await driver.post(command))
            pressed = await press(asking, label)
            assert await driver.answers(pressed) == typed
            again = await press(asking, label)
            assert again != pressed
            assert await driver.answers(again) == typed

    def _needs(self, can: object, what: str) -> None:
        if not can:
            pytest.skip(f"this platform has no {what}")


def placed(controls: Sequence[Control], label: str) -> tuple[int, int]:
    """The place of the control with that label, and of the choice when it is one of a menu."""
    for place, control in enumerate(controls):
        labels = [control.label] if isinstance(control, Button) else [each.label for each in control.choices]
        if label in labels:
            return place, labels.index(label)
    raise LookupError(f"there is no {label!r} to press")
