"""The hot statements use indexes: their cost does not grow with what is stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import event as events

from storage import Event, Finish, InboxState, NewPart, Progress, Score, Store, open_store

Make = Callable[..., Event]
START = datetime(2026, 1, 1, tzinfo=UTC)

HARMLESS = re.compile(
    r"SCAN ((message|passage)_words VIRTUAL TABLE INDEX|anon_1|\(subquery"
    r"|\w+ USING (COVERING )?INDEX ix_(inbox_pending|inbox_claimed|outbox_open|passages_unembedded"
    r"|conversations_leased)\b)"
)


@contextmanager
def plans(store: Store) -> Iterator[list[tuple[str, str]]]:
    """The plan lines of every statement run meanwhile."""
    found: list[tuple[str, str]] = []

    def explain(connection, cursor, statement, parameters, context, many) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE")):
            values = parameters[0] if many else parameters
            asked = connection.connection.cursor()
            asked.execute("EXPLAIN QUERY PLAN " + statement, values)
            found.extend((statement, row[3]) for row in asked.fetchall())
            asked.close()

    engines = [store._writer._engine, store._reader._engine.sync_engine]
    for engine in engines:
        events.listen(engine, "before_cursor_execute", explain)
    yield found
    for engine in engines:
        events.remove(engine, "before_cursor_execute", explain)


async def work(store: Store, event: Make) -> None:
    accepted = await store.inbox.accept(event("question"))
    room = accepted.conversation_id
    (claimed,) = await store.inbox.claim("one", room, limit=3, lease_seconds=30)
    end = Finish(
        claimed.inbox_id, claimed.fence, InboxState.ANSWERED, skill="qa", parts=(NewPart("p", "answer", "x"),)
    )
    (part,) = await store.inbox.finish(end)
    await store.outbox.pending(["fake"], 10)
    await store.outbox.mark_attempting(part.id)
    await store.outbox.retry(part.id)
    await store.inbox.accept(event("edit", kind="edited", target=claimed.key))
    await store.inbox.accept(event("", kind="deleted", target=claimed.key))
    await store.inbox.renew("one", 30)
    await store.inbox.recover("one", ["fake"], ["two"])
    await store.inbox.waiting(["fake"], limit=10, exclude=[5], owner="one")
    await store.inbox.give_back(claimed.inbox_id, claimed.fence)
    await store.inbox.unfinished(60)
    await store.inbox.decisions(room)
    await store.inbox.owners()
    await store.inbox.state("x")
    await store.inbox.release("one", room)
    await store.history.recent("fake:room", before_id=10**9)
    await store.history.since("fake:room", 0)
    await store.history.search("question", conversations=["fake:room"])
    await store.history.message("x")
    await store.history.attachment("x")
    await store.history.conversations("fake", "ada")
    await store.history.conversations("fake", None)
    await store.knowledge.match(["word"], [""], 5)
    await store.knowledge.passages([1])
    await store.knowledge.vectors(10)
    await store.knowledge.unembedded(10)
    await store.knowledge.version()
    await store.feedback.of("x")
    await watch(store, accepted.inbox_id)


async def watch(store: Store, number: int) -> None:
    assert await store.leases.take("watching", "one", 30)
    begun = await store.watching.begin("observer:a/b")
    await store.watching.newest()
    await store.watching.events(number, number + 100, 256)
    await store.watching.answers(number, number + 100, 256)
    score = Score("fake:1", "fake:room", "ada", START, 0.5)
    posts = (("fake:mods", NewPart("alert", "alert", "x")),)
    await store.watching.commit(
        Progress("watching", "one", "observer:a/b", begun, "9", "a", (("n", "1"),), (score,), posts)
    )
    await store.notes.get("plugin:a", "n")
    await store.notes.beginning("plugin:a", "n")
    await store.scores.series("a")
    await store.scores.series("a", conversation="fake:room", start=START)
    await store.scores.series("a", author="ada")
    await store.scores.series("a", author="ada", conversation="fake:room")


async def test_no_hot_statement_reads_a_whole_table(sqlite_url: str, event: Make) -> None:
    async with open_store(sqlite_url) as store:
        with plans(store) as found:
            await work(store, event)
    assert len(found) > 60
    scans = [(line, statement) for statement, line in found if "SCAN" in line and not HARMLESS.search(line)]
    assert scans == []
