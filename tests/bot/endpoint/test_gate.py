"""The gate before a server: urgent ones first, nobody waits forever, no place is ever lost."""

import asyncio

import pytest

from bot.endpoint import gate as gates
from bot.endpoint.gate import Gate
from bot.errors import Overloaded
from bot.message import Priority


async def arrive(gate: Gate, order: list[str], name: str, priority: Priority) -> asyncio.Task[None]:
    async def pass_through() -> None:
        await gate.enter(priority)
        order.append(name)
        gate.leave()

    task = asyncio.create_task(pass_through())
    await asyncio.sleep(0)
    return task


async def test_who_waited_long_enough_passes_before_the_urgent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "AGE_SECONDS", 0.05)
    gate, order = Gate(1), list[str]()
    await gate.enter(Priority.PERSON)
    old = await arrive(gate, order, "old background", Priority.BACKGROUND)
    await asyncio.sleep(0.15)
    new = await arrive(gate, order, "new background", Priority.BACKGROUND)
    alarm = await arrive(gate, order, "alarm", Priority.ALERT)
    gate.leave()
    await asyncio.gather(old, new, alarm)
    assert order == ["old background", "alarm", "new background"]


async def test_too_many_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "MOST_WAITING", 2)
    gate, order = Gate(1), list[str]()
    await gate.enter(Priority.PERSON)
    waiting = [
        await arrive(gate, order, "one", Priority.PERSON),
        await arrive(gate, order, "two", Priority.PERSON),
    ]
    with pytest.raises(Overloaded):
        await gate.enter(Priority.ALERT)
    waiting[0].cancel()
    await asyncio.sleep(0)
    waiting.append(await arrive(gate, order, "three", Priority.PERSON))
    gate.leave()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == ["two", "three"]


async def test_a_place_given_to_someone_who_just_left_goes_on() -> None:
    gate, order = Gate(1), list[str]()
    await gate.enter(Priority.PERSON)
    gone = await arrive(gate, order, "gone", Priority.PERSON)
    stays = await arrive(gate, order, "stays", Priority.PERSON)
    gate.leave()
    gone.cancel()
    async with asyncio.timeout(1):
        await asyncio.gather(gone, stays, return_exceptions=True)
        await gate.enter(Priority.PERSON)
    assert order == ["stays"]
