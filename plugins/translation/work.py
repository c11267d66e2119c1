"""Translate texts segment by segment, in batches, and check that nothing was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot import ModelError, Models, Priority
from plugins.translation.keeping import Kept, mended
from plugins.translation.segments import Segment, cut, segments

BATCH = 32
BATCH_CHARACTERS = 8000
LATE = "it took too long"


@dataclass(frozen=True, slots=True)
class Translation:
    """The translated text. `refused` sentences stand in it as they were: no faithful translation came.

    `broken` says why the translation ended before its end; what is behind stands as it was.
    """

    text: str
    refused: int = 0
    broken: str = ""


class Translator:
    """Translates from one language into another, all it is given within so many `seconds`."""

    def __init__(
        self,
        models: Models,
        source: str,
        target: str,
        *,
        glossary: Mapping[str, str],
        priority: Priority,
        seconds: float,
    ) -> None:
        self._models = models
        self._source = source
        self._target = target
        self._glossary = glossary
        self._priority = priority
        self._clock = asyncio.get_running_loop().time
        self._end = self._clock() + seconds
        self._known: dict[str, str | None] = {}
        self._broken = ""

    async def translate(self, text: str) -> Translation:
        """The translation of a text. Raises ModelError when nothing of it came."""
        return (await self.translate_all([text]))[0]

    async def translate_all(self, texts: Sequence[str]) -> list[Translation]:
        """The translations of texts, in order. What lost a mark is tried again sentence by sentence."""
        drafts = [_Draft(text, self._glossary) for text in texts]
        await self._ask(part.text for draft in drafts for part in draft.parts if part.text)
        for draft in drafts:
            draft.cut_again([part.text for part in draft.parts if self._is_lost(part.text)])
        await self._ask(
            part.text for draft in drafts for cuts in draft.again.values() for part in cuts if part.text
        )
        return [draft.translation(self._known, self._broken) for draft in drafts]

    def _is_lost(self, text: str) -> bool:
        return bool(text) and text in self._known and self._known[text] is None

    async def _ask(self, texts: Iterable[str]) -> None:
        """Ask for what is not known yet, a batch at a time; a failure after the first ends it for good."""
        for batch in _batches([text for text in dict.fromkeys(texts) if text not in self._known]):
            if self._broken:
                return
            left = self._end - self._clock()
            try:
                if left <= 0:
                    raise ModelError(LATE)
                answers = await self._models.translate(
                    batch, target=self._target, source=self._source, priority=self._priority, deadline=left
                )
            except ModelError as error:
                if not self._known:
                    raise
                self._broken = str(error)
                return
            self._known |= {text: mended(text, each) for text, each in zip(batch, answers, strict=True)}


class _Draft:
    """One text on its way: its segments, and those that have to be tried again in smaller ones."""

    def __init__(self, text: str, glossary: Mapping[str, str]) -> None:
        self._original = text
        self._kept = Kept(glossary)
        self.parts = segments(self._kept.hide(text))
        self.again: dict[str, list[Segment]] = {}

    def cut_again(self, texts: Iterable[str]) -> None:
        self.again = {text: cut(self._kept.hide_numbers(text)) for text in texts}

    def translation(self, known: Mapping[str, str | None], broken: str) -> Translation:
        refused = unreached = 0
        whole = ""
        for part in self.parts:
            pieces = self.again.get(part.text) or [Segment("", part.text)]
            whole += part.before
            for piece in pieces:
                found = known.get(piece.text) if piece.text else ""
                unreached += found is None and piece.text not in known
                refused += found is None and piece.text in known
                whole += piece.before + (piece.text if found is None else found)
        return Translation(self._kept.show(whole), refused, broken if unreached else "")


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    batch: list[str] = []
    for text in texts:
        if batch and (len(batch) >= BATCH or sum(map(len, batch)) + len(text) > BATCH_CHARACTERS):
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch
