"""The names of people and channels, asked for once and kept for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from typing import TypeAlias

from bot.connectors.slack.workspaces import Workspace
from bot.errors import ParleyError

log = logging.getLogger(__name__)

MOMENT = 0.3  # how long the acceptance of a message may wait for names
KEPT_SECONDS = 3600.0
FAILED_SECONDS = 60.0
MOST_NAMES = 10_000
MOST_QUESTIONS = 100

Place: TypeAlias = tuple[str, str]
"""A team, and a person or channel in it."""


class Names:
    """Looks names up beside the events; a name that takes long is there for the next message."""

    def __init__(self) -> None:
        self._known: dict[Place, tuple[str, float]] = {}
        self._asking: dict[Place, asyncio.Task[None]] = {}

    async def of(self, workspace: Workspace, ids: Collection[str]) -> dict[str, str]:
        """The names known within a moment, by id; those of others are missing.

        Only the first message that needs a name waits for it, so that a slow answer delays no other.
        """
        unknown = [each for each in ids if self._remembered(workspace.team, each) is None]
        questions = [question for each in unknown if (question := self._ask(workspace, each))]
        if questions:
            await asyncio.wait(questions, timeout=MOMENT)
        return {each: name for each in ids if (name := self._remembered(workspace.team, each))}

    async def close(self) -> None:
        """Ask no more."""
        questions = list(self._asking.values())
        for question in questions:
            question.cancel()
        await asyncio.gather(*questions, return_exceptions=True)

    def _remembered(self, team: str, identity: str) -> str | None:
        name, until = self._known.get((team, identity), ("", 0.0))
        return name if until > time.monotonic() else None

    def _ask(self, workspace: Workspace, identity: str) -> asyncio.Task[None] | None:
        """A new question, None when it is asked already or too many are."""
        place = workspace.team, identity
        if place in self._asking or len(self._asking) >= MOST_QUESTIONS:
            return None
        self._asking[place] = asyncio.create_task(self._look_up(workspace, identity))
        return self._asking[place]

    async def _look_up(self, workspace: Workspace, identity: str) -> None:
        place = workspace.team, identity
        try:
            name = await _name(workspace, identity)
            self._remember(place, name, KEPT_SECONDS)
        except ParleyError as error:
            log.info("no name for %s: %s", identity, error)
            self._remember(place, "", FAILED_SECONDS)
        finally:
            del self._asking[place]

    def _remember(self, place: Place, name: str, seconds: float) -> None:
        while len(self._known) >= MOST_NAMES:
            del self._known[next(iter(self._known))]
        self._known[place] = name, time.monotonic() + seconds


async def _name(workspace: Workspace, identity: str) -> str:
    if identity.startswith(("U", "W")):
        user = (await workspace.api.call("users.info", user=identity)).get("user") or {}
        profile = user.get("profile") or {}
        names = (profile.get("display_name"), profile.get("real_name"), user.get("name"))
    else:
        channel = (await workspace.api.call("conversations.info", channel=identity)).get("channel") or {}
        names = (channel.get("name"), None, None)
    return str(next(filter(None, names), ""))
