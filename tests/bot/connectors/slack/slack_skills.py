"""Skills that use what Slack can show."""

import asyncio
from collections.abc import AsyncIterator, Callable

from bot import Button, Choice, Context, Look, Menu, Reply, Skill, hookimpl, skill


@skill
async def panel(context: Context) -> Reply:
    """Show buttons and a menu."""
    controls = (
        Button("Again", "/echo again", look=Look.PRIMARY),
        Button("Ask me", "/repeat", asks=True),
        Menu("Pick one", (Choice("First", "/echo first"), Choice("Second", "/echo second", "the other"))),
    )
    return Reply("Choose:", controls=controls)


@skill
async def repeat(context: Context, times: int, text: str) -> str:
    """Say something several times."""
    return " ".join([text] * times)


@skill(to_asker=True, menu="Whisper it")
async def whisper(context: Context, text: str) -> str:
    """Say the same again, to the asker alone."""
    return f"psst: {text}"


@skill(menu="Shout it")
async def shout(context: Context, text: str) -> str:
    """Say the same again, loudly."""
    return text.upper()


@skill
async def read(context: Context) -> str:
    """Say what is in the files."""
    found = [await context.files.read(each) for each in context.message.attachments]
    return " ".join(each.decode() for each in found) or "nothing"


@skill
async def compose(context: Context, text: str) -> AsyncIterator[str | Reply]:
    """Write a text word by word, slowly."""
    words = text.split()
    for count in range(1, len(words)):
        yield " ".join(words[:count])
        await asyncio.sleep(0.4)
    yield Reply(text)


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    """Offer them all."""
    for each in (panel, repeat, whisper, shout, read, compose):
        register(each)
