"""An observer for tests that kill: it numbers what it sees, and tells of every tenth event."""

from collections.abc import Callable, Sequence

from bot import Observed, Observer, Reply, Score, WatchContext, hookimpl, observer


@observer
async def tally(context: WatchContext, events: Sequence[Observed]) -> list[Reply]:
    """Number each event, and say every tenth one's number and text elsewhere."""
    before = int(await context.notes.get("count") or 0)
    alerts = []
    for count, event in enumerate(events, start=before + 1):
        await context.scores.put(
            Score(event.key, event.conversation, event.author.id, event.sent_at, count, event.text)
        )
        if count % 10 == 0:
            alerts.append(Reply(f"alert {count}: {event.text}", to=f"{event.conversation}-alerts"))
    await context.notes.set("count", str(before + len(events)))
    return alerts


@hookimpl
def register_observers(register: Callable[[Observer], None]) -> None:
    """Watch."""
    register(tally)
