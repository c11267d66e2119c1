"""What the model is told of the conversation: the last turns that fit, and none from before a reset."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot import Context, Said, Speaker, Turn, fenced

FORGOTTEN = "I have forgotten what was said here. What would you like to talk about?"
READ = 200
ASCII_PER_TOKEN = 4

_COMMAND = re.compile(r"\A[^\w\s]{1,3}(?:chat|draft|code)\s+")


def tokens_of(text: str) -> int:
    """About how many tokens a text has: four letters of English each, one of most other scripts."""
    plain = sum(character < "\x80" for character in text)
    return 1 + plain // ASCII_PER_TOKEN + len(text) - plain


async def conversation(context: Context, *, tokens: int) -> list[Turn]:
    """The last turns of this conversation, oldest first, that have so many tokens at most.

    Where several people talk, what they said is fenced: only whoever asks now gives instructions.
    """
    alone = context.message.channel.is_direct
    kept: list[Turn] = []
    for said in reversed(_since_reset(await context.history.recent(READ))):
        turn = _turn(said, alone=alone)
        tokens -= tokens_of(turn.text)
        if tokens < 0:
            break
        kept.append(turn)
    while kept and kept[-1].role is Speaker.BOT:
        kept.pop()
    return kept[::-1]


async def transcript(context: Context, *, tokens: int) -> list[Turn]:
    """What people and the bot said here, as one fenced turn; none when nothing was said."""
    lines: list[str] = []
    for said in reversed(_since_reset(await context.history.recent(READ))):
        line = f"{'the bot' if said.by_bot else said.author}: {said.text}"
        tokens -= tokens_of(line)
        if tokens < 0:
            break
        lines.append(line)
    return [Turn(Speaker.PERSON, fenced("\n".join(reversed(lines)), "conversation"))] if lines else []


def _since_reset(history: Sequence[Said]) -> Sequence[Said]:
    """What was said after the bot last forgot, but for what is hidden."""
    resets = (place for place, said in enumerate(history) if said.by_bot and said.text == FORGOTTEN)
    return [said for said in history[_last(resets) + 1 :] if said.text.strip()]


def _last(places: Iterable[int]) -> int:
    return max(places, default=-1)


def _turn(said: Said, *, alone: bool) -> Turn:
    if said.by_bot:
        return Turn(Speaker.BOT, said.text)
    text = _COMMAND.sub("", said.text)
    return Turn(Speaker.PERSON, text if alone else fenced(f"{said.author}: {text}", "message"))
