"""Skills for tests: what they do is seen in what they answer."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable

from bot import Button, Choice, Context, Look, Menu, Message, Reply, ReplyFile, Skill, Word, hookimpl, skill

seen: list[Message] = []


@skill
async def echo(context: Context, text: str) -> str:
    """Say the same again."""
    return text


@skill
async def wait(context: Context, seconds: float, text: str = "") -> str:
    """Take some time, then say the text."""
    await asyncio.sleep(seconds)
    return text or f"waited {seconds:g} s"


@skill(deadline=0.2)
async def overrun(context: Context) -> str:
    """Take longer than allowed."""
    await asyncio.sleep(30)
    return "too late"


@skill
async def fail(context: Context) -> str:
    """Fail as a broken skill does."""
    raise ZeroDivisionError("the secret detail")


@skill
async def abort(context: Context) -> str:
    """Take the whole process down, as a crashing library does."""
    os.abort()


@skill
async def spell(context: Context, text: str) -> AsyncIterator[str | Reply]:
    """Write a text word by word."""
    words = text.split()
    for count in range(1, len(words)):
        yield " ".join(words[:count])
    yield Reply(text)


@skill
async def offer(context: Context) -> Reply:
    """Offer what can be said next, to press and to choose."""
    numbers = Menu("Say a number", (Choice("One", "/echo 1"), Choice("Two", "/echo 2", "the next one")))
    buttons = (Button("Say hello", "/echo hello"), Button("Say something", "/echo", Look.PRIMARY, asks=True))
    return Reply("What shall I say?", controls=(*buttons, numbers))


@skill
async def parcel(context: Context, name: Word, alone: bool = False) -> Reply:
    """Send a file, to the asker alone or to all."""
    file = ReplyFile(name, "text/plain", f"the content of {name} 你好".encode())
    return Reply(f"Here is {name}.", to_asker=alone, files=(file,))


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    """Offer them all."""
    for each in (echo, wait, overrun, fail, abort, spell, offer, parcel):
        register(each)


@hookimpl
async def event_received(message: Message) -> None:
    """Keep what was observed."""
    seen.append(message)
