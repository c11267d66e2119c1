"""How much may still wait in a role's queue, and for whom: bulk work never locks people out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from bot.errors import Overloaded
from bot.message import Priority
from bot.models import Tenant
from bot.worker.options import WorkerOptions

# The part of the queue each class may fill.
SHARES = {Priority.ALERT: 1.0, Priority.PERSON: 0.9, Priority.BACKGROUND: 0.5}


class Room:
    """Counts what waits: texts and tokens, of everybody and of each skill and community."""

    def __init__(self, options: WorkerOptions) -> None:
        self.items = 0
        self.tokens = 0
        self.by_class: Counter[Priority] = Counter()
        self._most = options.max_queue_items, options.max_queue_tokens
        self._shares = {"skill": options.skill_share, "community": options.community_share}
        self._held: dict[tuple[str, str], tuple[int, int]] = {}

    def take(
        self,
        items: int,
        tokens: int,
        *,
        priority: Priority,
        tenant: Tenant,
        retry_after: Callable[[], float],
    ) -> None:
        """Let so much more wait. Raises Overloaded over the share of its class, skill or community.

        `retry_after` tells in how many seconds there will be room again.
        """
        share = SHARES[priority]
        fits = self._fits((self.items + items, self.tokens + tokens), share)
        for holder in holders(tenant):
            had = self._held.get(holder, (0, 0))
            fits = fits and self._fits((had[0] + items, had[1] + tokens), share * self._shares[holder[0]])
        if not fits:
            raise Overloaded(max(1.0, retry_after()))
        self._change(items, tokens, priority, tenant)

    def give(self, items: int, tokens: int, *, priority: Priority, tenant: Tenant) -> None:
        """So much waits no more."""
        self._change(-items, -tokens, priority, tenant)

    def adjust(self, tokens: int, *, tenant: Tenant) -> None:
        """What was taken turned out to be so many tokens more, or less."""
        self.tokens += tokens
        for holder in holders(tenant):
            had = self._held[holder]
            self._held[holder] = had[0], had[1] + tokens

    def _fits(self, sizes: tuple[int, int], share: float) -> bool:
        return sizes[0] <= self._most[0] * share and sizes[1] <= self._most[1] * share

    def _change(self, items: int, tokens: int, priority: Priority, tenant: Tenant) -> None:
        self.items += items
        self.tokens += tokens
        self.by_class[priority] += items
        for holder in holders(tenant):
            had = self._held.get(holder, (0, 0))
            if had[0] + items:
                self._held[holder] = had[0] + items, had[1] + tokens
            else:
                self._held.pop(holder, None)


def holders(tenant: Tenant) -> Iterator[tuple[str, str]]:
    """Whom a request counts for: a skill and a community, where they are known."""
    if tenant.skill:
        yield "skill", tenant.skill
    if tenant.community:
        yield "community", tenant.community
