"""One stretch of being signed in: everything that lives from its begin to its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.app import Bot
from bot.connectors.discord.abuse import Abuse
from bot.connectors.discord.drafts import Drafts
from bot.connectors.discord.events import Reading, Self
from bot.connectors.discord.gateway import Gateway
from bot.connectors.discord.interactions import Interactions
from bot.connectors.discord.listening import Listening
from bot.connectors.discord.memory import Memory, Remembered
from bot.connectors.discord.places import Places
from bot.connectors.discord.posting import Posting
from bot.connectors.discord.rest import Rest
from bot.connectors.discord.threads import Threads


@dataclass(frozen=True, slots=True)
class Term:
    """The parts that speak to Discord, put together; tasks beside the events live in `group`."""

    bot: Bot
    me: Self
    gateway: Gateway
    rest: Rest
    places: Places
    posting: Posting
    drafts: Drafts
    group: asyncio.TaskGroup


def begin_term(
    bot: Bot, gateway: Gateway, rest: Rest, abuse: Abuse, *, group: asyncio.TaskGroup, began: float
) -> Term:
    """Put the parts together. `began` is when this process was the first that could have sent anything."""
    me = Self(str(gateway.user.id if gateway.user else ""), str(gateway.application_id))
    places, drafts = Places(rest), Drafts(group)
    posting = Posting(
        rest=rest,
        abuse=abuse,
        threads=Threads(rest, places, bot.store),
        drafts=drafts,
        store=bot.store,
        me=me,
        began=began,
    )
    return Term(bot, me, gateway, rest, places, posting, drafts, group)


def listen(term: Term, memory: Memory, remembered: Remembered) -> Listening:
    """The ear of a term, which goes on from what was remembered."""
    settings = term.bot.settings
    reading = Reading(
        term.me,
        term.places,
        in_threads=settings.discord.answer_in == "thread",
        prefix=settings.router.prefix,
        content=settings.discord.message_content,
    )
    return Listening(
        bot=term.bot,
        gateway=term.gateway,
        rest=term.rest,
        places=term.places,
        reading=reading,
        interactions=Interactions(
            bot=term.bot, rest=term.rest, places=term.places, reading=reading, posting=term.posting
        ),
        posting=term.posting,
        drafts=term.drafts,
        me=term.me,
        memory=memory,
        group=term.group,
        remembered=remembered,
    )
