"""All roles of a worker's process: which there are, what they say of themselves, and how they all are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bot.errors import BadInput, BadModel
from bot.models import EMBEDDING, RERANKING, Task
from bot.worker.catalogue import find_entry, origin_of, served_roles, task_of
from bot.worker.options import WorkerOptions
from bot.worker.server.batches import Batches
from bot.worker.server.desk import Desk
from bot.worker.server.forms import pack_nearness
from bot.worker.server.generation import Generation
from bot.worker.server.meters import WAIT_BOUNDS
from bot.worker.server.role import Ask, Deliver, Role
from bot.worker.server.transcription import Transcription


class Nearness(Role):
    """Reranking without a model of its own: how near each text is to the query, by the embedding."""

    def __init__(self, embedding: Batches) -> None:
        self._embedding = embedding

    def expected(self, ask: Ask) -> int:
        """A vector of each, the query too. Raises BadInput without a text."""
        if len(ask.texts) < 2:
            raise BadInput("There is no text to compare with the query.")
        return len(ask.texts)

    def pack(self, results: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
        """The scores."""
        return pack_nearness(results)

    def ask(self, number: int, ask: Ask) -> None:
        """Embed the texts."""
        self._embedding.ask(number, ask)

    def cancel(self, number: int) -> None:
        """Forget what is not computed yet."""
        self._embedding.cancel(number)

    def tick(self) -> None:
        """The embedding does it all."""

    def health(self) -> dict[str, Any]:
        """Where the embedding's model is; what is asked counts there."""
        return self._embedding.model.health() | {"stalled_seconds": 0.0, "shares": EMBEDDING}


class Roles:
    """What a process serves."""

    def __init__(self, options: WorkerOptions, deliver: Deliver) -> None:
        self._options = options
        self._desk = Desk(options, deliver)
        self._embedding = Batches(EMBEDDING, Task.EMBEDDING, self._desk)
        self._transcription: Transcription | None = None
        self._roles: dict[str, Role] = {}
        for role in sorted(served_roles(options)):
            self._roles[role] = self._make(role, deliver)

    def _make(self, role: str, deliver: Deliver) -> Role:
        task = task_of(role, self._options)
        if role == EMBEDDING:
            return self._embedding
        if task is Task.TRANSCRIPTION:
            self._transcription = Transcription(self._options, deliver)
            return self._transcription
        if role == RERANKING and not self._has_own(role):
            return Nearness(self._embedding)
        return Generation(role, self._desk) if task is Task.GENERATION else Batches(role, task, self._desk)

    def _has_own(self, role: str) -> bool:
        try:
            find_entry(role, self._options)
        except BadModel:
            return False
        return True

    def start(self, settled: Callable[[BadModel | None], None]) -> None:
        """Begin to compute, and to load the encoder; `settled` is told, on any thread, how that went."""
        self._desk.start()
        if self._transcription:
            self._transcription.start()
        model = self._embedding.model
        model.settled = lambda: settled(model.error)
        self._desk.shelf.want(model)

    def serving(self, role: str) -> Role:
        """What serves a role. Raises BadModel when nothing does."""
        if role in self._roles:
            return self._roles[role]
        find_entry(role, self._options)
        raise BadModel(f"No model is ready for {role!r}.")

    def cancel(self, role: str, number: int) -> None:
        """Nobody waits for a request to a role any more."""
        if role in self._roles:
            self._roles[role].cancel(number)

    def without(self, role: str) -> list[str]:
        """The roles that are served although the model of another one cannot be."""
        lost = {name for name, each in self._roles.items() if isinstance(each, Nearness)} | {role}
        return sorted(self._roles.keys() - lost)

    def introduction(self) -> dict[str, Any]:
        """What bots are told once: the encoder's name and dimensions, and all roles."""
        return {
            "model": self._embedding.model.name,
            "dimensions": int(self._embedding.model.dimensions),
            "roles": {
                role: {
                    "task": task_of(role, self._options).value,
                    "model": name_of(role, self._options),
                    "origin": origin_of(role, self._options),
                }
                for role in self._roles
            },
            "limits": {"texts": self._options.max_queue_items, "tokens": self._options.max_queue_tokens},
        }

    def tick(self) -> None:
        """A second has passed."""
        for role in self._roles.values():
            role.tick()
        self._desk.shelf.tick()

    def health(self) -> dict[str, Any]:
        """How all of it is, for the heartbeat."""
        roles = {name: role.health() for name, role in self._roles.items()}
        device, tokenizing = self._desk.device, self._desk.tokenizing
        stalled = max(device.stalled_seconds(), tokenizing.stalled_seconds())
        backlog = [each.get("backlog_seconds", 0.0) for name, each in roles.items()]
        return {
            "device": roles[EMBEDDING]["device"],
            "memory_bytes": self._desk.shelf.memory_bytes(),
            "stalled_seconds": round(stalled, 3),
            "backlog_seconds": max(backlog),
            "wait_bounds": WAIT_BOUNDS,
            "roles": roles,
        }


def name_of(role: str, options: WorkerOptions) -> str:
    """What the model of a role is called; empty when there is none."""
    try:
        return find_entry(role, options).name
    except BadModel:
        return find_entry(EMBEDDING, options).name if role == RERANKING else ""
