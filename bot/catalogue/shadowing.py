"""Shadows: models that are asked what a live one was asked, so that their answers can be compared."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple

from bot.catalogue.agreement import Agreement, Agreements
from bot.composed import ComposedModels
from bot.errors import BadInput, ModelError
from bot.message import Priority
from bot.models import SENTIMENT, Labels, Models
from bot.worker.options import is_shadow, shadow_role

log = logging.getLogger(__name__)

# Few texts at a time, so that a batch of them is over before anyone notices.
MOST_AT_ONCE = 8
MOST_WAITING = 256
WRITE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Shadow:
    """A version that is asked beside a role, and the name of what is live there."""

    name: str
    against: str


class Asked(NamedTuple):
    """A text on its way to a shadow, with the live model's label."""

    role: str
    text: str
    label: str


class ShadowedModels(ComposedModels):
    """Passes everything on. A share of the texts that are classified goes to the shadow of the role too.

    That is done behind the answer, in the background class: what the shadow cannot take is left out, and
    its failures are counted and no more. Counts are kept every few seconds; texts are not.
    """

    def __init__(
        self, models: Models, agreements: Agreements, *, share: float, seed: int | None = None
    ) -> None:
        super().__init__(models)
        self._agreements = agreements
        self._share = share
        self._chance = random.Random(seed)  # noqa: S311 - a sample, no secret
        self._shadows: Mapping[str, Shadow] = {}
        self._waiting: asyncio.Queue[Asked] = asyncio.Queue(MOST_WAITING)
        self._counted: dict[str, Agreement] = {}

    def follow(self, shadows: Mapping[str, Shadow]) -> None:
        """Ask these from now on, by their role."""
        self._shadows = dict(shadows)

    def roles(self) -> frozenset[str]:
        """Those that answer; shadows do not."""
        return frozenset(role for role in super().roles() if not is_shadow(role))

    async def classify(
        self,
        texts: Sequence[str],
        *,
        role: str = SENTIMENT,
        explain: bool = False,
        priority: Priority = Priority.PERSON,
        deadline: float | None = None,
    ) -> list[Labels]:
        """The live model's answers."""
        answers = await super().classify(
            texts, role=role, explain=explain, priority=priority, deadline=deadline
        )
        if role in self._shadows:
            self._draw(role, texts, answers)
        return answers

    def _draw(self, role: str, texts: Sequence[str], answers: Sequence[Labels]) -> None:
        for text, answer in zip(texts, answers, strict=True):
            if self._chance.random() < self._share:
                with suppress(asyncio.QueueFull):
                    self._waiting.put_nowait(Asked(role, text, answer.label))

    @asynccontextmanager
    async def shadowing(self) -> AsyncIterator[ShadowedModels]:
        """Ask shadows and keep counts until left."""
        work = [asyncio.create_task(self._ask_all()), asyncio.create_task(self._keep_all())]
        try:
            yield self
        finally:
            for each in work:
                each.cancel()
            await asyncio.wait(work)
            await self._keep()

    async def _ask_all(self) -> None:
        while True:
            asked = [await self._waiting.get()]
            while len(asked) < MOST_AT_ONCE and not self._waiting.empty():
                asked.append(self._waiting.get_nowait())
            for role in {each.role for each in asked}:
                await self._ask(role, [each for each in asked if each.role == role])

    async def _ask(self, role: str, asked: Sequence[Asked]) -> None:
        shadow, place = self._shadows.get(role), shadow_role(role)
        if shadow is None or place not in super().roles():
            return
        counted = self._counted.get(shadow.name, Agreement(shadow.against))
        try:
            answers = await super().classify(
                [each.text for each in asked], role=place, priority=Priority.BACKGROUND
            )
        except ModelError:
            more = Agreement(shadow.against).with_failed(len(asked))
        except Exception:  # the wall: a shadow never ends what watches it
            log.exception("the shadow of %s failed", role)
            more = Agreement(shadow.against).with_failed(len(asked))
        else:
            labels = [each.label for each in answers]
            pairs = zip([each.label for each in asked], labels, strict=True)
            more = Agreement(shadow.against).with_pairs(pairs)
        self._counted[shadow.name] = counted + more

    async def _keep_all(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self._keep()

    async def _keep(self) -> None:
        """Write what was counted since; it is kept for the next time when that fails."""
        if not self._counted:
            return
        counted, self._counted = self._counted, {}
        try:
            await asyncio.to_thread(self._agreements.add, counted)
        except BadInput as error:
            log.warning("The counts of the shadows are not kept: %s", error)
            for name, each in counted.items():
                self._counted[name] = each + self._counted.get(name, Agreement(each.against))
