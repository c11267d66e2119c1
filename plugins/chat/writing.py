"""Let the model write, show what it has so far, and make a reply of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from bot import BadInput, Context, ModelError, Reply, Speaker, Turn
from plugins.chat.conversation import tokens_of
from plugins.chat.sources import Sources

PACE_SECONDS = 0.3
SPARE_SECONDS = 5.0
MOST_TOKENS = 16_000


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for now, what was said before, and the documents' passages about it."""

    text: str
    earlier: Sequence[Turn] = ()
    sources: Sources = field(default_factory=Sources)

    def turns(self, instructions: str) -> list[Turn]:
        """The whole as a model takes it."""
        told = self.sources.told()
        asked = f"{told}\n\n{self.text}" if told else self.text
        return [Turn(Speaker.SYSTEM, instructions), *self.earlier, Turn(Speaker.PERSON, asked)]


async def written(context: Context, instructions: str, request: Request) -> AsyncGenerator[str | Reply, None]:
    """Drafts as they grow, and last the reply. An answer that breaks off is kept, and said to be broken.

    Raises BadInput for what no model could read at once, ModelError when nothing was written.
    """
    if tokens_of(request.text) > MOST_TOKENS:
        raise BadInput("That is too long for me to read at once. Send it in parts, or as a document.")
    text, shown, broken = "", 0.0, ""
    clock = asyncio.get_running_loop().time
    try:
        answer = context.models.generate(
            request.turns(instructions),
            priority=context.message.priority,
            deadline=context.deadline - SPARE_SECONDS,
        )
        async with aclosing(answer) as pieces:
            async for piece in pieces:
                text += piece
                if clock() - shown >= PACE_SECONDS:
                    shown = clock()
                    yield text
    except ModelError as error:
        if not text.strip():
            raise
        broken = f"\n\n*The answer broke off: {error}*"
    answered, citations = request.sources.cited(text.strip())
    yield Reply(_closed(answered) + broken, citations)


def _closed(text: str) -> str:
    """The text with its last code block closed, so that what follows is no code."""
    return f"{text}\n```" if text.count("```") % 2 else text
