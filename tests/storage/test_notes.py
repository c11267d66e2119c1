"""Notes survive, area by area, on both databases."""

import asyncio

from storage import Store, open_store


async def test_notes_are_kept_replaced_and_removed(store: Store) -> None:
    await store.notes.write("discord", {"heard": "1", "budget": "[]"})
    await store.notes.write("slack", {"heard": "7"})
    await store.notes.write("discord", {"heard": "2", "budget": None})
    assert await store.notes.read("discord") == {"heard": "2"}
    assert await store.notes.read("slack") == {"heard": "7"}
    assert await store.notes.read("nowhere") == {}


async def test_the_last_of_many_written_at_once_holds(store: Store) -> None:
    await asyncio.gather(*(store.notes.write("a", {"x": str(number)}) for number in range(50)))
    assert await store.notes.read("a") == {"x": "49"}


async def test_notes_are_there_after_a_restart(database_url: str) -> None:
    async with open_store(database_url) as store:
        await store.notes.write("a", {"x": "1"})
    async with open_store(database_url) as store:
        assert await store.notes.read("a") == {"x": "1"}
