"""What a plugin may hook into: signatures and sentences only.

`register_*` hooks are called once at start. The others are called as things happen, may be async, and
each implementation is guarded: one that fails is logged and does not disturb the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from bot.connector import Connector
    from bot.jobs import Job
    from bot.message import Message, Reply
    from bot.observers import Observer
    from bot.settings import PluginSettings, Settings
    from bot.skills import Skill

PROJECT = "parley"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_skills(register: Callable[[Skill], None], settings: Settings) -> None:
    """Offer skills: call `register` with each function declared by `@skill`.

    What needs a setting that is not set is best not offered.
    """


@hookspec
def register_settings(register: Callable[[type[PluginSettings]], None]) -> None:
    """Declare the plugin's settings class; a skill gets its values from `context.settings(Class)`."""


@hookspec
def register_connectors(register: Callable[[Connector], None], settings: Settings) -> None:
    """Offer ways in beside the built-in ones."""


@hookspec
def register_observers(register: Callable[[Observer], None], settings: Settings) -> None:
    """Watch: call `register` with each function declared by `@observer`."""


@hookspec
def register_jobs(register: Callable[[Job], None], settings: Settings) -> None:
    """Do something by the clock: call `register` with each function declared by `@job`."""


@hookspec
async def startup() -> None:
    """Called when the bot is about to take messages."""


@hookspec
async def shutdown() -> None:
    """Called when the bot has stopped taking messages."""


@hookspec
async def event_received(message: Message) -> None:
    """Be told of an event, answered or not: new, edited or deleted. Runs beside the answer, at the latest
    once; an observer (`register_observers`) misses nothing."""


@hookspec
async def reply_ready(message: Message, reply: Reply) -> Reply | None:
    """Look at a reply before it is stored; return another one to replace it, or None to leave it."""
