"""News of the register."""

import asyncio

import pytest

from bot.catalogue import following as module
from bot.catalogue.following import following
from bot.errors import BadModel


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)


async def test_each_change_is_told_and_failures_end_nothing(registry, added, caplog):
    told = asyncio.Queue()
    errors = [BadModel("no room"), RuntimeError("odd")]

    async def changed():
        told.put_nowait(registry.stamp())
        if registry.stamp() and errors:
            raise errors.pop(0)

    async with asyncio.timeout(20), following(registry, changed):
        assert await told.get() is None
        added("a")
        first = await told.get()
        registry.change(lambda register: register.with_live("a"))
        second = await told.get()
        registry.change(lambda register: register.with_added(_other(register)))
        third = await told.get()
    assert len({first, second, third}) == 3
    assert "what is served has not: no room" in caplog.text


def _other(register):
    from dataclasses import replace

    return replace(register.version("a"), name="b")
