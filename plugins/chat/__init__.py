"""Talk with a chat model of the operator's choice: conversation, drafts, code, reports."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from bot import Context, PluginSettings, Reply, Settings, Skill, hookimpl, skill
from plugins.chat.conversation import FORGOTTEN, conversation, transcript
from plugins.chat.instructions import instructions
from plugins.chat.sources import find_sources
from plugins.chat.writing import Request, written

ROLE = "chat"
DEADLINE_SECONDS = 180.0
NOBODY = (
    "I have no model to talk with. The operator can name the folder of one in [models.chat] of the settings, "
    "or set endpoint.url and endpoint.model to a server that has one."
)


class Persona(PluginSettings):
    """Who the bot is in some channels."""

    match: str = Field(description="Pattern of conversation keys, such as 'discord:1234*' or 'slack:*'.")
    text: str = Field(description="Who the bot is there, said to the model: You are …")


class ChatSettings(PluginSettings):
    """How the bot talks."""

    persona: str = Field(
        "You are a friendly, careful assistant.", description="Who the bot is, said to the model: You are …"
    )
    personas: tuple[Persona, ...] = Field(
        (),
        description="Other personas for some channels, each with match (a pattern of conversation keys) and "
        "text. The first that matches is taken.",
    )
    prompts: Path | None = Field(
        None,
        description="A folder with your own chat.md, draft.md, code.md or minutes.md; what is missing there "
        "is the built-in one. They are read anew for each answer.",
    )
    context_tokens: int = Field(
        3000, ge=200, le=1_000_000, description="How much of the conversation and the documents is told."
    )
    passages: int = Field(
        4, ge=0, le=20, description="Passages of the documents that are told; 0 leaves documents out."
    )

    @field_validator("prompts")
    @classmethod
    def _is_there(cls, folder: Path | None) -> Path | None:
        if folder is not None and not folder.is_dir():
            raise ValueError(f"{folder} is no folder")
        return folder

    def persona_in(self, conversation: str) -> str:
        """Who the bot is in a conversation."""
        special = (each.text for each in self.personas if fnmatchcase(conversation, each.match))
        return next(special, self.persona)


@skill(
    deadline=DEADLINE_SECONDS,
    examples=("let's chat", "I want to talk with you", "我们聊聊吧"),
)
async def chat(
    context: Context, text: Annotated[str, "what you want to say or know"]
) -> AsyncIterator[str | Reply]:
    """Talk with the chat model; it knows what was said here since the last /reset.

    Where the documents tell something about it, it is told and cited.
    """
    if ROLE not in context.models.roles():
        yield Reply(NOBODY)
        return
    settings = context.settings(ChatSettings)
    sources = await find_sources(context, text, most=settings.passages, tokens=settings.context_tokens // 2)
    earlier = await conversation(context, tokens=settings.context_tokens - sources.tokens)
    async with aclosing(_written(context, "chat", Request(text, earlier, sources))) as drafts:
        async for draft in drafts:
            yield draft


@skill(
    deadline=DEADLINE_SECONDS,
    examples=("write a release note about the new version", "draft an announcement", "写一份发布说明"),
)
async def draft(
    context: Context, text: Annotated[str, "what to write, and what it is to say"]
) -> AsyncIterator[str | Reply]:
    """Write a draft, such as a release note about what you name, or what was said here."""
    settings = context.settings(ChatSettings)
    earlier = await conversation(context, tokens=settings.context_tokens)
    async with aclosing(_written(context, "draft", Request(text, earlier))) as drafts:
        async for each in drafts:
            yield each


@skill(
    deadline=DEADLINE_SECONDS,
    examples=("write a function that sorts a list", "why does this code fail?", "explain this code"),
)
async def code(
    context: Context, text: Annotated[str, "the question, with the code it is about"]
) -> AsyncIterator[str | Reply]:
    """Help with code: write some, explain it, find what is wrong with it."""
    settings = context.settings(ChatSettings)
    earlier = await conversation(context, tokens=settings.context_tokens)
    async with aclosing(_written(context, "code", Request(text, earlier))) as drafts:
        async for each in drafts:
            yield each


@skill(
    deadline=DEADLINE_SECONDS,
    to_asker=True,
    examples=("write a report about this conversation", "write the minutes of this discussion"),
)
async def minutes(
    context: Context, text: Annotated[str, "what the report is for, or about"] = ""
) -> AsyncIterator[str | Reply]:
    """Write a report from what was said here, for you alone."""
    settings = context.settings(ChatSettings)
    said = await transcript(context, tokens=settings.context_tokens)
    if not said:
        yield Reply("Nothing was said here yet that a report could be about.")
        return
    async with aclosing(_written(context, "minutes", Request(text or "Write the report.", said))) as drafts:
        async for each in drafts:
            yield each


@skill(examples=("forget what we said", "start over", "忘掉之前的对话"))
async def reset(context: Context) -> str:
    """Forget what was said here: the next answer begins from nothing."""
    return FORGOTTEN


@hookimpl
def register_settings(register: Callable[[type[PluginSettings]], None]) -> None:
    """Declare [plugin.chat]."""
    register(ChatSettings)


@hookimpl
def register_skills(register: Callable[[Skill], None], settings: Settings) -> None:
    """Offer them where there is a chat model; without one, chat alone, which says how to get one."""
    served = settings.endpoint.url or ROLE in settings.models
    for each in (chat, draft, code, minutes, reset) if served else (chat,):
        register(each)


async def _written(context: Context, prompt: str, request: Request) -> AsyncGenerator[str | Reply, None]:
    settings = context.settings(ChatSettings)
    persona = settings.persona_in(context.message.channel.conversation)
    told = await instructions(prompt, persona, settings.prompts)
    async with aclosing(written(context, told, request)) as drafts:
        async for each in drafts:
            yield each
