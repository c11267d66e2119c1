"""Leases: one holder at a time, on both databases."""

import asyncio

from storage import Store


async def test_a_lease_has_one_holder_until_it_runs_out(store: Store) -> None:
    assert await store.leases.take("slack:1", "one", 0.2)
    assert not await store.leases.take("slack:1", "two", 10)
    assert await store.leases.take("discord:1", "two", 10)
    assert await store.leases.holder("slack:1") == "one"
    await asyncio.sleep(0.25)
    assert await store.leases.holder("slack:1") is None
    assert await store.leases.take("slack:1", "two", 10)
    assert not await store.leases.take("slack:1", "one", 10)


async def test_a_holder_renews_and_gives_back(store: Store) -> None:
    assert await store.leases.take("a", "one", 0.2)
    assert await store.leases.take("a", "one", 10)
    await asyncio.sleep(0.25)
    assert not await store.leases.take("a", "two", 10)
    await store.leases.release("a", "two")
    assert await store.leases.holder("a") == "one"
    await store.leases.release("a", "one")
    assert await store.leases.take("a", "two", 10)


async def test_a_dead_holder_is_replaced_at_once_but_no_other(store: Store) -> None:
    assert await store.leases.take("a", "dead", 10)
    assert not await store.leases.take("a", "two", 10, instead_of="somebody")
    assert await store.leases.take("a", "two", 10, instead_of="dead")
    assert await store.leases.holder("a") == "two"


async def test_of_many_that_ask_at_once_one_gets_it(store: Store) -> None:
    taken = await asyncio.gather(*(store.leases.take("a", str(number), 10) for number in range(20)))
    assert sum(taken) == 1
