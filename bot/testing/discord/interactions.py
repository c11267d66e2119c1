"""Interactions: what somebody asked of the bot through the platform's own forms, and what it answered."""

from __future__ import annotations

import asyncio
import secrets
from enum import IntEnum

from bot.testing.discord.api import Denied
from bot.testing.discord.shapes import user_json
from bot.testing.discord.shown import Shown, shown
from bot.testing.discord.state import Flag, Json, Post, State, User

ANSWER_SECONDS = 3.0
WAIT_SECONDS = 10.0


class Asked(IntEnum):
    """Types of interactions."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class Interaction:
    """One interaction and all that came of it."""

    def __init__(self, number: int, kind: Asked, author: User, channel_id: int, source: Post | None) -> None:
        self.id = number
        self.kind = kind
        self.token = secrets.token_urlsafe(48)
        self.author = author
        self.channel_id = channel_id
        self.source = source
        self.trigger: Interaction | None = None
        self.body: Json = {}
        self.asked_at = asyncio.get_running_loop().time()
        self.acknowledged_at: float | None = None
        self.response_type: int | None = None
        self.ephemeral = False
        self.modal: Json | None = None
        self.choices: list[Json] | None = None
        self.is_expired = False
        self.original: Post | None = None
        self.extra: list[Post] = []
        self._acknowledged = asyncio.Event()
        self._answered = asyncio.Event()

    @property
    def content(self) -> str | None:
        """The present text of the answer; None before there is one, and after it was deleted."""
        return None if self.original is None else self.original.text

    @property
    def components(self) -> tuple[Json, ...]:
        """The answer's buttons and menus."""
        return () if self.original is None else tuple(self.original.components)

    @property
    def files(self) -> tuple[tuple[str, bytes], ...]:
        """The answer's files."""
        return () if self.original is None else shown(self.original).files

    @property
    def message(self) -> Shown | None:
        """The answer as it is seen."""
        return None if self.original is None else shown(self.original)

    @property
    def followups(self) -> list[Shown]:
        """The messages after the first."""
        return [shown(each) for each in self.extra]

    async def acknowledged(self, within: float = WAIT_SECONDS) -> Interaction:
        """Wait for the first answer, were it only that the bot thinks. Raises TimeoutError."""
        async with asyncio.timeout(within):
            await self._acknowledged.wait()
        return self

    async def answered(self, within: float = WAIT_SECONDS) -> Interaction:
        """Wait for something to see: text, a changed message, a form or choices. Raises TimeoutError."""
        async with asyncio.timeout(within):
            await self._answered.wait()
        return self

    def acknowledge(self, response_type: int) -> None:
        """The callback came."""
        self.acknowledged_at = asyncio.get_running_loop().time()
        self.response_type = response_type
        self._acknowledged.set()

    def answer(self) -> None:
        """There is something to see."""
        self._answered.set()

    @property
    def metadata(self) -> Json:
        """What a message that answers it tells about it."""
        told: Json = {
            "id": str(self.id),
            "type": int(self.kind),
            "user": user_json(self.author),
            "authorizing_integration_owners": self.body["authorizing_integration_owners"],
        }
        if self.kind is Asked.COMPONENT and self.source is not None:
            told["interacted_message_id"] = str(self.source.id)
        if self.kind is Asked.MODAL and self.trigger is not None:
            told["triggering_interaction_metadata"] = self.trigger.metadata
        return told


class Interactions:
    """All interactions, by id and by token."""

    def __init__(self, state: State) -> None:
        self.answer_seconds = ANSWER_SECONDS
        self._state = state
        self._by_id: dict[int, Interaction] = {}
        self._by_token: dict[str, Interaction] = {}

    def open(self, kind: Asked, author: User, channel_id: int, source: Post | None = None) -> Interaction:
        """A new interaction."""
        interaction = Interaction(self._state.snowflake(), kind, author, channel_id, source)
        self._by_id[interaction.id] = interaction
        self._by_token[interaction.token] = interaction
        return interaction

    def waiting(self, number: int, token: str) -> Interaction:
        """An interaction that may be acknowledged now. Raises Denied."""
        interaction = self._by_id.get(number)
        if interaction is None or interaction.token != token:
            raise Denied(404, 10062, "Unknown interaction")
        if interaction.acknowledged_at is not None:
            raise Denied(400, 40060, "Interaction has already been acknowledged.")
        late = asyncio.get_running_loop().time() - interaction.asked_at > self.answer_seconds
        if late or interaction.is_expired:
            raise Denied(404, 10062, "Unknown interaction")
        return interaction

    def acknowledged(self, token: str) -> Interaction:
        """An interaction whose token works. Raises Denied."""
        interaction = self._by_token.get(token)
        if interaction is None or interaction.acknowledged_at is None:
            raise Denied(404, 10015, "Unknown Webhook")
        if interaction.is_expired:
            raise Denied(401, 50027, "Invalid Webhook Token")
        return interaction


def is_loading(post: Post) -> bool:
    """Whether a message only says that the bot thinks."""
    return bool(post.flags & Flag.LOADING)
