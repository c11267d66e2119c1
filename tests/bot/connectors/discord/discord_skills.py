"""Skills that show what Discord can show."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from enum import Enum
from typing import Annotated, Literal

from bot import (
    Button,
    Choice,
    Citation,
    Context,
    Menu,
    Message,
    Reply,
    Skill,
    Suggest,
    Word,
    hookimpl,
    skill,
)

seen: list[Message] = []


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


async def towns(context: Context, typed: str) -> Sequence[str]:
    return [each for each in ("Berlin", "Bern", "Paris") if each.startswith(typed)]


@skill
async def everything(
    context: Context,
    count: Annotated[int, "How many"],
    share: float,
    loud: bool,
    size: Size,
    colour: Literal["red", "green"],
    town: Annotated[Word, Suggest(towns), "Where"] = "Rome",
    words: str = "",
) -> str:
    """Take every kind of parameter."""
    return f"{count!r} {share!r} {loud!r} {size.value} {colour} {town} {words}"


@skill(to_asker=True)
async def whisper(context: Context, text: str) -> str:
    """Answer the asker alone."""
    return f"psst: {text}"


@skill
async def panel(context: Context) -> Reply:
    """Offer something to press."""
    return Reply(
        "Choose:",
        controls=(
            Button("Again", "/echo pressed"),
            Button("Fill in", "/join first", asks=True),
            Menu("Pick one", (Choice("One", "/echo one"), Choice("Two", "/echo two", "the second"))),
            Button("Secret", "/whisper hidden"),
            Button("Gone", "/nosuch thing"),
        ),
    )


@skill
async def join(context: Context, first: Word, second: str) -> str:
    """Put two texts together."""
    return f"{first}+{second}"


@skill(menu="Count letters")
async def letters(context: Context, text: str) -> str:
    """Count the letters of a text."""
    return f"{len(text)} letters"


@skill
async def cite(context: Context) -> Reply:
    """Answer with sources."""
    return Reply("So it is [1].", citations=(Citation("guide.pdf", "p1", "so it is", location="page 3"),))


@skill
async def story(context: Context, words: int) -> AsyncIterator[str | Reply]:
    """Write slowly."""
    for count in range(1, words):
        yield " ".join(f"word{number}" for number in range(count))
        await asyncio.sleep(0.05)
    yield Reply(" ".join(f"word{number}" for number in range(words)))


@skill(to_asker=True)
async def secret(context: Context, words: int) -> AsyncIterator[str | Reply]:
    """Write slowly to one alone."""
    for count in range(1, words):
        yield " ".join(f"word{number}" for number in range(count))
        await asyncio.sleep(0.02)
    yield Reply(" ".join(f"word{number}" for number in range(words)))


@skill
async def hear(context: Context, text: str = "") -> str:
    """Say what files came."""
    files = context.message.attachments
    return "; ".join([f"{each.name} {each.is_voice} {len(await context.files.read(each))}" for each in files])


@skill
async def repeat(context: Context, times: int, text: str) -> str:
    """Say the same often."""
    return f"{text} " * times


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    for each in (everything, whisper, panel, join, letters, cite, story, secret, hear, repeat):
        register(each)


@hookimpl
async def event_received(message: Message) -> None:
    seen.append(message)
