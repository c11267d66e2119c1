"""Translate a text segment by segment, and check that nothing was lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot import Context
from plugins.translation.keeping import Kept, mended
from plugins.translation.segments import Segment, cut, segments

DEADLINE_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Translation:
    """The translated text. `refused` sentences stand in it as they were: no faithful translation came."""

    text: str
    refused: int = 0


class Translator:
    """Translates from one language into another for whoever asked."""

    def __init__(self, context: Context, source: str, target: str, glossary: Mapping[str, str]) -> None:
        self._context = context
        self._source = source
        self._target = target
        self._glossary = glossary

    async def translate(self, text: str) -> Translation:
        """The translation of a text. What lost a mark is tried again sentence by sentence."""
        kept = Kept(self._glossary)
        parts = segments(kept.hide(text))
        found = await self._ask(parts)
        hard = [place for place, each in enumerate(found) if each is None]
        harder = [cut(kept.hide_numbers(parts[place].text)) for place in hard]
        again = iter(await self._ask([each for sentences in harder for each in sentences]))
        refused = 0
        for place, sentences in zip(hard, harder, strict=True):
            tried = [(sentence, next(again)) for sentence in sentences]
            refused += sum(each is None for _, each in tried)
            found[place] = "".join(sentence.before + (each or sentence.text) for sentence, each in tried)
        whole = "".join(part.before + (each or "") for part, each in zip(parts, found, strict=True))
        return Translation(kept.show(whole), refused)

    async def _ask(self, parts: Sequence[Segment]) -> list[str | None]:
        """The faithful translation of each; None where it is not, nothing where there is no text."""
        texts = [each.text for each in parts if each.text]
        if not texts:
            return ["" for _ in parts]
        message = self._context.message
        answers = iter(
            await self._context.models.translate(
                texts,
                target=self._target,
                source=self._source,
                priority=message.priority,
                deadline=self._context.deadline * DEADLINE_SHARE,
            )
        )
        return [mended(each.text, next(answers)) if each.text else "" for each in parts]
