"""The writer under faults: locks, lost connections, cancelled callers."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import pytest

from storage import Event, Finish, InboxState, NewPart, StorageUnavailable, Store, open_store
from storage.dialects import dialect_of
from storage.writer import Writer

Make = Callable[..., Event]


def lock(url: str) -> sqlite3.Connection:
    """Another process's hold on the database."""
    connection = sqlite3.connect(
        url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
    )
    connection.execute("BEGIN IMMEDIATE")
    return connection


async def test_a_locked_database_delays_but_loses_nothing(sqlite_url: str, event: Make) -> None:
    async with open_store(sqlite_url) as store:
        await store.inbox.accept(event("before"))
        holder = lock(sqlite_url)
        waiting = asyncio.gather(*(store.inbox.accept(event(f"text {number}")) for number in range(10)))
        await asyncio.sleep(2.5)
        assert not waiting.done()
        assert len(await store.history.recent("fake:room")) == 1
        holder.rollback()
        holder.close()
        assert len(await waiting) == 10
        assert (await store.health()).messages == 11


async def test_patience_ends(sqlite_url: str, event: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.writer.PATIENCE_SECONDS", 0.2)
    async with open_store(sqlite_url) as store:
        holder = lock(sqlite_url)
        refused = event("text")
        with pytest.raises(StorageUnavailable, match="locked"):
            await store.inbox.accept(refused)
        holder.rollback()
        holder.close()
        assert not (await store.inbox.accept(refused)).duplicate


async def test_a_full_disk_is_told_and_forgotten(sqlite_url: str, event: Make) -> None:
    async with open_store(sqlite_url) as store:
        await store.inbox.accept(event("before"))
        engine = store._writer._engine
        with engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(StorageUnavailable, match="cannot be written"):
            await store.inbox.accept(event("x" * 1_000_000))
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        await store.inbox.accept(event("after"))
        health = await store.health()
        assert (health.integrity, health.messages) == ("ok", 2)


async def test_one_bad_request_hurts_no_other(store: Store, event: Make) -> None:
    bad = event("bad", priority=None)
    outcomes = await asyncio.gather(
        *(store.inbox.accept(each) for each in (event("a"), bad, event("b"))), return_exceptions=True
    )
    assert [isinstance(each, Exception) for each in outcomes] == [False, True, False]
    assert [each.text for each in await store.history.recent("fake:room")] == ["a", "b"]


async def test_cancelled_callers_break_nothing(store: Store, event: Make) -> None:
    dice = random.Random(7)
    events = [event(f"text {number}", conversation=f"fake:{number % 7}") for number in range(600)]

    async def write(each: Event) -> None:
        accepted = await store.inbox.accept(each)
        for claimed in await store.inbox.claim("one", accepted.conversation_id, limit=3, lease_seconds=30):
            part = NewPart(f"{claimed.key}:0", "reply", "packed")
            await store.inbox.finish(
                Finish(claimed.inbox_id, claimed.fence, InboxState.ANSWERED, parts=(part,))
            )
        await store.history.recent(each.conversation)

    async def write_or_be_cancelled(each: Event) -> None:
        running = asyncio.create_task(write(each))
        await asyncio.sleep(dice.random() * 0.3)
        if dice.random() < 0.6:
            running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    await asyncio.gather(*(write_or_be_cancelled(each) for each in events))
    await store.inbox.accept(event("last"))
    health = await store.health()
    assert health.integrity == "ok"
    assert health.inbox.get("answered", 0) == health.outbox.get("pending", 0)
    assert store._reader._engine.pool.checkedout() == 0
    assert store._writer._engine.pool.checkedout() == 0


async def test_a_terminated_connection_is_replaced(
    postgres_url: str, postgres_server: Any, event: Make
) -> None:
    database = postgres_url.partition("/parley_")[2].partition("?")[0]
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        f" WHERE datname = 'parley_{database}' AND pid <> pg_backend_pid()"
    )
    async with open_store(postgres_url) as store:
        stop = threading.Event()

        def terminate() -> None:
            while not stop.wait(0.4):
                postgres_server.execute(kill)

        killer = threading.Thread(target=terminate)
        killer.start()
        try:
            events = [event(f"text {number}", conversation=f"fake:{number % 5}") for number in range(300)]
            accepted = []
            for start in range(0, 300, 10):
                accepted += await asyncio.gather(
                    *(store.inbox.accept(each) for each in events[start : start + 10])
                )
                rooms = {each.conversation_id for each in accepted}
                claims = await asyncio.gather(
                    *(store.inbox.claim("one", room, limit=9, lease_seconds=30) for room in rooms)
                )
                ends = [
                    Finish(
                        each.inbox_id,
                        each.fence,
                        InboxState.ANSWERED,
                        parts=(NewPart(each.key + ":0", "r", "p"),),
                    )
                    for claim in claims
                    for each in claim
                ]
                await asyncio.gather(*(store.inbox.finish(end) for end in ends))
                await store.history.recent("fake:0")
        finally:
            await asyncio.to_thread(stop.set)
            await asyncio.to_thread(killer.join)
        health = await store.health()
        assert (health.inbox, health.outbox) == ({"answered": 300}, {"pending": 300})
        assert not any(each.duplicate for each in accepted)


async def test_a_commit_without_an_answer_is_asked_after(postgres_url: str, event: Make) -> None:
    """The connection breaks right after the server committed: the result is found, not written twice."""
    async with open_store(postgres_url) as store:
        writer = store._writer
        writes = 0

        def count(connection: Any, requests: list[int]) -> list[int]:
            nonlocal writes
            writes += 1
            connection.exec_driver_sql("UPDATE counters SET value = value + 1 WHERE name = 'knowledge'")
            return [writes for _ in requests]

        from sqlalchemy import event as events
        from sqlalchemy.exc import OperationalError

        armed = True

        @events.listens_for(writer._engine, "commit")
        def break_after_commit(connection: Any) -> None:
            nonlocal armed
            if armed:
                armed = False
                driver = connection.connection.driver_connection
                driver.commit()
                driver.close()
                raise OperationalError(
                    "COMMIT", {}, Exception("connection lost"), connection_invalidated=True
                )

        before = await store.knowledge.version()
        assert await writer.submit(count, 1) == 1
        assert writes == 1
        assert await store.knowledge.version() == before + 1


async def test_revisions_follow_commit_order_of_two_processes(database_url: str, event: Make) -> None:
    async with open_store(database_url) as one, open_store(database_url) as two:
        seen: list[int] = []

        async def watch() -> None:
            while len(seen) < 200:
                last = seen[-1] if seen else 0
                seen.extend(each.revision for each in await one.history.since("fake:room", last))
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        await asyncio.gather(
            *((one, two)[number % 2].inbox.accept(event(f"text {number}")) for number in range(200))
        )
        async with asyncio.timeout(20):
            await watching
        assert seen == sorted(set(seen))
        assert len(await one.history.since("fake:room", 0, limit=1000)) == 200


async def test_the_same_event_at_two_processes_is_one(database_url: str, event: Make) -> None:
    async with open_store(database_url) as one, open_store(database_url) as two:
        same = [event(key="fake:same") for _ in range(20)]
        accepted = await asyncio.gather(
            *((one, two)[place % 2].inbox.accept(each) for place, each in enumerate(same))
        )
        assert [each.duplicate for each in accepted].count(False) == 1


async def test_two_processes_never_claim_the_same_event(database_url: str, event: Make) -> None:
    async with open_store(database_url) as one, open_store(database_url) as two:
        accepted = await asyncio.gather(
            *(one.inbox.accept(event(conversation=f"fake:{number}")) for number in range(200))
        )
        rooms = [each.conversation_id for each in accepted]
        claims = await asyncio.gather(
            *(
                store.inbox.claim(owner, room, limit=1, lease_seconds=30)
                for start in range(0, 200, 10)
                for store, owner in ((one, "one"), (two, "two"))
                for room in rooms[start : start + 10]
            )
        )
        assert sorted(each.key for claim in claims for each in claim) == sorted(
            f"fake:{number}" for number in range(1, 201)
        )


async def test_a_full_queue_makes_callers_wait(sqlite_url: str) -> None:
    dialect = dialect_of(sqlite_url)
    async with open_store(sqlite_url):
        writer = Writer(dialect.writer_engine(), dialect, capacity=2)
        assert await asyncio.gather(*(writer.submit(lambda _, each: each, n) for n in range(50))) == list(
            range(50)
        )
        await writer.close()
        writer._engine.dispose()


async def test_an_urgent_request_goes_before_those_that_wait(store: Store, event: Make) -> None:
    ended: list[str] = []

    async def accept(number: int) -> None:
        await store.inbox.accept(event(f"text {number}"))
        ended.append("event")

    async def lease() -> None:
        assert await store.leases.take("duty", "one", 10)
        ended.append("lease")

    waiting = [asyncio.create_task(accept(number)) for number in range(3000)]
    await asyncio.sleep(0)
    await asyncio.gather(*waiting, lease())
    assert len(ended) == 3001
    assert ended.index("lease") < 1500
