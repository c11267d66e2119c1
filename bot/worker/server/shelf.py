"""Which models are in memory: loaded when first asked, and the least recently used leaves first."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from queue import SimpleQueue
from threading import Condition
from typing import Any, Protocol

from bot.errors import BadModel
from bot.worker.catalogue import Entry, find_entry, make_engine, origin_of
from bot.worker.memory import Parts, bytes_of, give_back, parts_of, size_of
from bot.worker.options import WorkerOptions, is_shadow, thread_count
from bot.worker.server.role import start_thread

MIB = 2**20
# A model that has just been loaded stays so long, even if another one wants its place.
LEAST_SECONDS = 10.0
PAUSE_SECONDS = 0.02


class State(StrEnum):
    """Where a model is."""

    ABSENT = "absent"
    LOADING = "loading"
    LOADED = "loaded"
    FAILED = "failed"


class Owner(Protocol):
    """The role of a model. Called on the loading thread."""

    def arrive(self, engine: Any) -> None:
        """The model is loaded."""

    def lack(self, error: BadModel) -> None:
        """The model could not be loaded."""

    def is_idle(self) -> bool:
        """Whether nothing is asked of the model. With the lock held."""

    def is_computing(self) -> bool:
        """Whether the engine is in use at this moment. With the lock held."""

    def may_pause(self) -> bool:
        """Whether what is asked can wait while the model leaves and comes back. With the lock held."""


class Model:
    """The model of one role: its place in memory, and what is known of it.

    `settled` is called once, on the loading thread, when it is loaded or cannot be.
    """

    def __init__(self, role: str, options: WorkerOptions, owner: Owner) -> None:
        self.role = role
        self.owner = owner
        self.state = State.ABSENT
        self.engine: Any = None
        self.parts: Parts = {}
        self.error: BadModel | None = None
        self.used = self.since = time.monotonic()
        self.is_leaving = False
        self.name = ""
        self.dimensions = 0
        self.settled: Callable[[], None] | None = None
        self._options = options

    def check(self) -> None:
        """Raise BadModel when the model could not be loaded, and will not be."""
        if self.error and self.state is State.FAILED:
            raise BadModel(str(self.error))

    def find(self) -> Entry:
        """The catalogue's entry. Raises BadModel."""
        entry = find_entry(self.role, self._options)
        self.name = entry.name
        return entry

    def health(self) -> dict[str, Any]:
        """Where it is, for the heartbeat."""
        return {
            "state": self.state.value,
            "seconds": round(time.monotonic() - self.since, 1),
            "model": self.name,
            "origin": origin_of(self.role, self._options),
            "device": getattr(self.engine, "device", ""),
            "memory_bytes": bytes_of([self.parts]),
        }


class Shelf:
    """The models of one process. What it changes of a model it changes with the device's `lock` held."""

    def __init__(self, options: WorkerOptions, lock: Condition) -> None:
        self._options = options
        self._lock = lock
        self._models: list[Model] = []
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._is_started = False

    def add(self, model: Model) -> None:
        """Take care of a model, which is not loaded yet."""
        self._models.append(model)

    def want(self, model: Model) -> None:
        """See that a model gets loaded; once, however often it is wanted meanwhile. Nothing is waited for."""
        with self._lock:
            if model.state is not State.ABSENT:
                return
            self._move(model, State.LOADING)
        self._begin(partial(self._load, model))

    def tick(self) -> None:
        """Let the models go that nobody has asked for `idle_seconds`."""
        longest = self._options.idle_seconds
        now = time.monotonic()
        for model in self._loaded():
            if longest and now - model.used > longest and self._leave(model):
                self._begin(give_back)

    def memory_bytes(self) -> int:
        """Of all loaded models, what they share counted once."""
        return bytes_of(self._parts())

    def _begin(self, job: Callable[[], None]) -> None:
        """Do a job on the loading thread, after those before it."""
        self._jobs.put(job)
        if not self._is_started:
            self._is_started = True
            start_thread(self._work, "loading")

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    def _load(self, model: Model) -> None:
        try:
            entry = model.find()
            self._make_room(model, {entry.folder: size_of(entry.folder)} if entry.has_weights else {})
            engine = self._make(model, entry)
            parts = parts_of(engine)
            self._make_room(model, parts)
        except BadModel as error:
            self._fail(model, error, State.FAILED)
        except MemoryError:
            reason = f"The device has no memory left for the model of {model.role}. Try again later."
            self._fail(model, BadModel(reason), State.ABSENT)
        except Exception as error:  # noqa: BLE001 - a wall: an engine may raise anything
            traceback.print_exc()
            reason = f"The model of {model.role} cannot be loaded ({type(error).__name__})."
            self._fail(model, BadModel(reason), State.FAILED)
        else:
            self._arrive(model, engine, parts)

    def _make(self, model: Model, entry: Entry) -> Any:
        """The engine. Where memory is short, others leave first. Raises BadModel, MemoryError."""
        while True:
            try:
                engine = make_engine(entry, thread_count(self._options))
                getattr(engine, "warm", bool)()
            except MemoryError:
                if not self._relieve(model):
                    raise
            else:
                return engine

    def _make_room(self, model: Model, parts: Parts) -> None:
        """Wait until these parts keep within the limit. Raises BadModel when they never will."""
        most, alone = self._options.memory_mb * MIB, bytes_of([parts])
        if not most:
            return
        if alone > most:
            raise BadModel(
                f"The model of {model.role} takes {-(-alone // MIB)} MiB. Set worker.memory_mb, which is "
                f"{self._options.memory_mb}, higher, or 0 for no limit."
            )
        while bytes_of([parts, *self._parts()]) > most and self._relieve(model):
            pass
        if is_shadow(model.role) and bytes_of([parts, *self._parts()]) > most:
            raise BadModel(f"There is no room in worker.memory_mb for {model.role} beside the others.")

    def _relieve(self, model: Model) -> bool:
        """Let the least recently used of the others go; False when there is none.

        An idle one goes at once. One that is asked goes between two batches when it has been here for
        a while, and is wanted again. For a shadow nobody leaves; shadows leave first.
        """
        if is_shadow(model.role):
            return False
        while others := sorted((each for each in self._loaded() if each is not model), key=last_used):
            if any(self._leave(each) for each in others) or self._push(others):
                self._stay()
                give_back()
                return True
            time.sleep(PAUSE_SECONDS)
        return False

    def _stay(self) -> None:
        """Let whoever was to leave go on, as there is no need any more."""
        with self._lock:
            for model in self._models:
                model.is_leaving = False
            self._lock.notify()

    def _leave(self, model: Model) -> bool:
        """Let a model go, if nobody asks for it."""
        with self._lock:
            if model.state is not State.LOADED or not model.owner.is_idle():
                return False
            self._clear(model)
        return True

    def _push(self, models: Sequence[Model]) -> bool:
        """Let the first go that may, once its batch is done; until then it gets no other."""
        with self._lock:
            leaver = next((each for each in models if may_be_pushed(each)), None)
            for each in models:
                each.is_leaving = each is leaver
            if leaver is None or leaver.owner.is_computing():
                return False
            self._clear(leaver)
        self.want(leaver)
        return True

    def _clear(self, model: Model) -> None:
        model.engine, model.parts, model.is_leaving = None, {}, False
        self._move(model, State.ABSENT)

    def _arrive(self, model: Model, engine: Any, parts: Parts) -> None:
        with self._lock:
            model.engine, model.parts, model.used = engine, parts, time.monotonic()
            model.dimensions = getattr(engine, "dimensions", 0)
            self._move(model, State.LOADED)
            model.owner.arrive(engine)
        settle(model)

    def _fail(self, model: Model, error: BadModel, state: State) -> None:
        print(f"worker: {error}", file=sys.stderr)  # noqa: T201
        with self._lock:
            model.error = error
            self._move(model, state)
            model.owner.lack(error)
        settle(model)

    def _move(self, model: Model, state: State) -> None:
        model.state, model.since = state, time.monotonic()

    def _parts(self) -> list[Parts]:
        return [model.parts for model in self._loaded()]

    def _loaded(self) -> list[Model]:
        return [model for model in self._models if model.state is State.LOADED]


def may_be_pushed(model: Model) -> bool:
    """Whether a model that is asked may leave for a while. With the lock held."""
    is_settled = time.monotonic() - model.since >= LEAST_SECONDS
    return model.state is State.LOADED and is_settled and model.owner.may_pause()


def settle(model: Model) -> None:
    """Tell who waits for the first loading."""
    settled, model.settled = model.settled, None
    if settled:
        settled()


def last_used(model: Model) -> tuple[bool, float]:
    """When a model was last asked for; shadows count as older than all others."""
    return not is_shadow(model.role), model.used
