"""Roles of a worker with fake engines, stepped by hand."""

import time

from bot.message import Priority
from bot.models import NOBODY, Task
from bot.worker.options import ModelChoice, WorkerOptions
from bot.worker.server.batches import Batches
from bot.worker.server.desk import Desk
from bot.worker.server.generation import Generation
from bot.worker.server.role import Ask

TASKS = {
    "embedding": Task.EMBEDDING,
    "sentiment": Task.CLASSIFICATION,
    "sentiment.shadow": Task.CLASSIFICATION,
    "reader": Task.EXTRACTION,
    "reranking": Task.RERANKING,
    "summary": Task.SUMMARIZATION,
    "translation": Task.TRANSLATION,
    "chat": Task.GENERATION,
}
DOORS = {
    "embedding": "Words",
    "sentiment": "Moods",
    "sentiment.shadow": "Moods",
    "reader": "Finder",
    "reranking": "Nearest",
    "summary": "Writers",
    "translation": "Writers",
    "chat": "Speaker",
}


class Bench:
    """Everything of a process but its threads and its network: `drain` computes what is asked."""

    def __init__(self, *roles, doors=None, **options):
        chosen = {
            role: ModelChoice(engine=f"fake_engines:{(doors or DOORS)[role]}", task=TASKS[role].value)
            for role in roles
        }
        self.outcomes = []
        self.desk = Desk(WorkerOptions(models=chosen, **options), self.outcomes.extend)
        self.roles = {role: self.make(role) for role in roles}

    def make(self, role):
        if TASKS[role] is Task.GENERATION:
            return Generation(role, self.desk)
        return Batches(role, TASKS[role], self.desk)

    def load(self):
        """Load all models; gives this bench."""
        for role in self.roles.values():
            self.desk.shelf.want(role.model)
            self.settle(role)
        return self

    def settle(self, role):
        """Wait until a model is loaded or has failed."""
        limit = time.monotonic() + 10
        while role.model.state not in ("loaded", "failed") and time.monotonic() < limit:
            time.sleep(0.005)
        assert role.model.state in ("loaded", "failed")

    def engine(self, role):
        return self.roles[role].model.engine

    def ask(self, role, number, texts, *, priority=Priority.PERSON, deadline=60.0, tenant=NOBODY, **choices):
        moment = time.monotonic() + deadline
        self.roles[role].ask(number, Ask(tuple(texts), b"", priority, moment, choices, tenant))

    def say(self, number, text, **more):
        self.ask("chat", number, [text], speakers=["person"], **more)

    def read(self):
        """Find the tokens of all that waits for them."""
        while self.desk.tokenizing._waiting:
            self.desk.tokenizing.step()

    def step(self):
        self.desk.device.step()

    def drain(self):
        """Compute all that is asked; gives the outcomes by request, and forgets them."""
        self.read()
        while any(role.priority() is not None for role in self.roles.values()):
            self.step()
        outcomes, self.outcomes[:] = list(self.outcomes), []
        return by_request(outcomes)

    def pending(self):
        """What is kept of requests: nothing, when nobody asks."""
        return {
            name: (role.health()["queued"], role.health()["queued_tokens"], kept(role))
            for name, role in self.roles.items()
        }


def kept(role):
    if isinstance(role, Generation):
        return len(role._open) + len(role._waiting) + len(role._written)
    scheduler = role._requests.scheduler
    return len(role._requests) + len(scheduler._entries) + len(scheduler._by_length)


def by_request(outcomes):
    found = {}
    for outcome in outcomes:
        found.setdefault(outcome.request, []).append(outcome)
    return found
