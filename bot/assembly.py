"""Put a bot together from its settings, and take it apart again."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot.app import Bot
from bot.catalogue.agreement import Agreements
from bot.catalogue.following import following
from bot.catalogue.registry import MODELS, Registry
from bot.catalogue.serving import choices, shadows_of
from bot.catalogue.shadowing import ShadowedModels
from bot.composed import ComposedModels
from bot.connector import Connector
from bot.endpoint.classifying import KNOWN
from bot.endpoint.options import EndpointOptions
from bot.errors import BadSettings
from bot.knowledge.library import Library, LibraryOptions
from bot.loader import load_plugins
from bot.models import CHAT, EMBEDDING, TASKS, TRANSLATION, Models, NoModels, Task
from bot.secrets import secret
from bot.settings import Settings
from bot.worker.catalogue import ENDPOINT
from bot.worker.client.models import WorkerClient
from bot.worker.options import ModelChoice, WorkerOptions
from bot.worker.wire.address import check
from storage import Store, open_store

if TYPE_CHECKING:
    from bot.endpoint.client import Endpoint

NOT_AT_ENDPOINTS = (Task.EXTRACTION, Task.RERANKING)


@asynccontextmanager
async def open_bot(settings: Settings, connectors: Sequence[Connector] = ()) -> AsyncIterator[Bot]:
    """A bot with its storage open, its plugins loaded and its worker starting; `run` starts it.

    Raises BadSettings, StorageError. A missing worker or endpoint is no error: the bot works by words alone.
    """
    async with (
        open_database(settings) as store,
        open_lasting_models(settings) as models,
        open_library(settings, store, models) as library,
    ):
        bot = Bot(settings, store, models, library, load_plugins(settings), connectors)
        await bot.watching.begin()
        yield bot


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Store]:
    """The database the settings name; the data folder is made when it is missing."""
    make_data_dir(settings)
    async with open_store(settings.database_url, backups=settings.data_dir / "backups") as store:
        yield store


@asynccontextmanager
async def open_lasting_models(settings: Settings) -> AsyncIterator[Models]:
    """Those of `open_models` for as long as a bot runs: they change when the catalogue does, without a
    restart, and shadows are asked beside them."""
    registry = registry_of(settings)

    async with open_worker(settings) as worker, with_endpoint(settings, worker) as models:
        shadowed = ShadowedModels(models, Agreements(registry.folder), share=settings.worker.shadow_share)

        async def renew() -> None:
            shadowed.follow(shadows_of(registry.read(), settings))
            if isinstance(worker, WorkerClient):
                await worker.renew(with_encoder_of(worker.models, worker_options(settings).models))

        shadowed.follow(shadows_of(registry.read(), settings))
        async with shadowed.shadowing(), following(registry, renew):
            yield shadowed


@asynccontextmanager
async def open_models(
    settings: Settings, *, place: Path | None = None, beside: Mapping[str, ModelChoice] | None = None
) -> AsyncIterator[Models]:
    """Everything the settings name: the model worker, and before it the endpoint's big models.

    `place` and `beside` as for `open_worker`.
    """
    async with (
        open_worker(settings, place=place, beside=beside) as worker,
        with_endpoint(settings, worker) as models,
    ):
        yield models


@asynccontextmanager
async def with_endpoint(settings: Settings, worker: Models) -> AsyncIterator[Models]:
    """The worker's models, and before them those of the endpoint where there is one."""
    if not settings.endpoint.url:
        yield worker
        return
    async with open_endpoint(settings) as endpoint:
        yield ComposedModels(endpoint, worker)


@asynccontextmanager
async def open_worker(
    settings: Settings, *, place: Path | None = None, beside: Mapping[str, ModelChoice] | None = None
) -> AsyncIterator[Models]:
    """The model workers, started or joined in the background; without any, models that say so.

    What they leave on disk lies in `place`, which is the data folder if not said otherwise. They serve
    the models `beside` as well, or instead. Raises BadInput for an address that is none.
    """
    if not settings.worker.enabled:
        yield NoModels()
        return
    worker = settings.worker
    for address in worker.addresses:
        check(address)
    options = worker_options(settings)
    if place:
        options = replace(options, cache=place / MODELS)
    client = WorkerClient(
        replace(options, models={**options.models, **(beside or {})}),
        (place or make_data_dir(settings)) / "run",
        devices=worker.devices,
        addresses=worker.addresses,
        key=secret(worker.key, worker.key_file, "worker.key"),
    )
    async with client as models:
        yield models


def worker_options(settings: Settings) -> WorkerOptions:
    """What the settings say to a worker, with the live models of the catalogue. Raises BadInput."""
    worker, registry = settings.worker, registry_of(settings)
    own = {
        role: ModelChoice(**each.model_dump(exclude={"model", "labels"}))
        for role, each in settings.models.items()
        if each.engine != ENDPOINT
    }
    elsewhere = [role for role, each in settings.models.items() if each.engine == ENDPOINT]
    return WorkerOptions(
        models=choices(own, registry.read(), registry.folder, elsewhere=elsewhere),
        threads=worker.threads,
        deadline_seconds=worker.deadline_seconds,
        community_share=worker.community_share,
        skill_share=worker.skill_share,
        memory_mb=worker.memory_mb,
        idle_seconds=worker.idle_minutes * 60,
        cache=registry.folder,
        speech_minutes=worker.speech_minutes,
        speech_mb=settings.limits.attachment_mb,
    )


def registry_of(settings: Settings) -> Registry:
    """The catalogue of versions in the data folder."""
    return Registry(settings.data_dir / MODELS)


def with_encoder_of(
    running: Mapping[str, ModelChoice], wanted: Mapping[str, ModelChoice]
) -> dict[str, ModelChoice]:
    """The wanted models, with the encoder that runs: its vectors are in use, so another waits for a start."""
    models = {role: each for role, each in wanted.items() if role != EMBEDDING}
    return models | ({EMBEDDING: running[EMBEDDING]} if EMBEDDING in running else {})


def endpoint_roles(settings: Settings) -> frozenset[str]:
    """The roles the endpoint serves: those named for it, and what it can do best unless a model is named."""
    named = {role for role, each in settings.models.items() if each.engine == ENDPOINT}
    for role in named:
        task = TASKS.get(role) or settings.models[role].task
        if task in NOT_AT_ENDPOINTS:
            raise BadSettings(f"models.{role}.engine: no endpoint serves {task}. Name a folder instead.")
    register = registry_of(settings).read()
    live = {role for role in register.roles() if register.live(role)}
    return frozenset(named | ({CHAT, TRANSLATION} - settings.models.keys() - live))


def endpoint_labels(settings: Settings) -> dict[str, tuple[str, ...]]:
    """What each role that classifies by the endpoint tells apart. Raises BadSettings for less than two."""
    found = {}
    for role, each in settings.models.items():
        if each.engine == ENDPOINT and (TASKS.get(role) or each.task) == Task.CLASSIFICATION:
            found[role] = each.labels or KNOWN.get(role, ())
            if len(set(found[role])) < 2:
                raise BadSettings(f"models.{role}.labels: name the labels that {role} tells apart.")
    return found


@asynccontextmanager
async def open_endpoint(settings: Settings) -> AsyncIterator[Endpoint]:
    """The server of big models; nothing is contacted yet. Raises BadSettings."""
    try:
        from bot.endpoint.client import Endpoint
    except ModuleNotFoundError as error:
        raise BadSettings(
            f"endpoint.url is set, but {error.name} is not installed: pip install 'parley[endpoint]'"
        ) from None
    endpoint = settings.endpoint
    options = EndpointOptions(
        url=endpoint.url,
        model=endpoint.model,
        key=secret(endpoint.key, endpoint.key_file, "endpoint.key"),
        max_tokens=endpoint.max_tokens,
        concurrency=endpoint.concurrency,
        seconds=endpoint.seconds,
        roles=endpoint_roles(settings),
        models={role: each.model for role, each in settings.models.items() if each.model},
        labels=endpoint_labels(settings),
        recording_mb=settings.limits.attachment_mb,
    )
    async with Endpoint(options) as opened:
        yield opened


@asynccontextmanager
async def open_library(settings: Settings, store: Store, models: Models) -> AsyncIterator[Library]:
    """The documents people may ask about."""
    knowledge = settings.knowledge
    options = LibraryOptions(
        document_mb=knowledge.document_mb,
        parse_seconds=knowledge.parse_seconds,
        parse_memory_mb=knowledge.parse_memory_mb,
    )
    async with Library(store.knowledge, models, options) as library:
        yield library


def make_data_dir(settings: Settings) -> Path:
    """The data folder, made for its owner alone when it is missing. Raises BadSettings when it cannot be."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadSettings(
            f"data_dir: {settings.data_dir} cannot be made ({error.strerror}). Give another with --data-dir."
        ) from None
    if not os.access(settings.data_dir, os.W_OK):
        raise BadSettings(
            f"data_dir: {settings.data_dir} cannot be written. Give another folder with --data-dir."
        )
    return settings.data_dir
