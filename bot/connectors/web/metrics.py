"""The numbers of the workers, the inbox and the outbox, as Prometheus reads them; nothing of people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from bot.connectors.web.visit import Site
from bot.report import RoleReport, WorkerReport

if TYPE_CHECKING:
    from storage import Unfinished

READY = "ready"

Each = tuple[WorkerReport, RoleReport]

# Name, what it says, and where it stands in a report.
COUNTERS: list[tuple[str, str, Callable[[RoleReport], float]]] = [
    ("served_texts", "Texts and recordings that were answered.", lambda role: role.served),
    ("failed_texts", "Requests that failed.", lambda role: role.failed),
    ("refused_texts", "Requests that were refused because a queue was full.", lambda role: role.refused),
    ("batches", "Batches, or steps of writing.", lambda role: role.batches),
    ("tokens", "Tokens that were computed, without padding.", lambda role: role.tokens),
    ("device_seconds", "Seconds the device computed.", lambda role: role.device_seconds),
]
GAUGES: list[tuple[str, str, Callable[[RoleReport], float]]] = [
    ("queued_tokens", "Tokens that wait.", lambda role: role.queued_tokens),
    ("backlog_seconds", "How long the queue will take.", lambda role: role.backlog_seconds),
    ("texts_per_batch", "Texts in a batch, on average.", lambda role: role.texts_per_batch),
    ("padding_efficiency", "Share of the computed tokens that was no padding.", lambda role: role.padding),
    ("memory_bytes", "Memory of the loaded model.", lambda role: role.memory_bytes),
    ("loaded", "1 when the model is loaded.", lambda role: float(role.state == "loaded")),
]


async def get_metrics(request: Request) -> Response:
    """GET /metrics."""
    site: Site = request.app.state.site
    site.operators.check(request)
    unfinished = await site.bot.store.inbox.unfinished(0.0)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Reports(site.bot.models.workers(), unfinished))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class Reports(Collector):
    """Reports as families of metrics."""

    def __init__(self, workers: Sequence[WorkerReport], unfinished: Iterable[Unfinished]) -> None:
        self._workers = workers
        self._unfinished = Counter((row.table, str(row.state)) for row in unfinished)

    def collect(self) -> Iterator[Metric]:
        """All families."""
        roles = [(worker, role) for worker in self._workers for role in worker.roles]
        yield from _of_workers(self._workers)
        yield from _of_roles(roles)
        yield _queued(roles)
        yield _waits(roles)
        yield _models(roles)
        family = GaugeMetricFamily(
            "parley_unfinished", "Events and parts of replies under way.", labels=["table", "state"]
        )
        for (table, state), count in self._unfinished.items():
            family.add_metric([table, state], count)
        yield family


def _of_workers(workers: Sequence[WorkerReport]) -> Iterator[Metric]:
    told: list[tuple[str, str, Callable[[WorkerReport], float]]] = [
        ("up", "1 when the worker is ready.", lambda worker: float(worker.phase == READY)),
        ("memory_bytes", "Memory of all loaded models.", lambda worker: worker.memory_bytes),
        ("unanswered_calls", "Calls of this bot that are under way.", lambda worker: worker.unanswered),
        ("unanswered_tokens", "About how many tokens those have.", lambda worker: worker.unanswered_tokens),
    ]
    for name, words, value in told:
        family = GaugeMetricFamily(f"parley_worker_{name}", words, labels=["worker"])
        for worker in workers:
            family.add_metric([worker.place], value(worker))
        yield family


def _of_roles(roles: Sequence[Each]) -> Iterator[Metric]:
    for kind, told in ((CounterMetricFamily, COUNTERS), (GaugeMetricFamily, GAUGES)):
        for name, words, value in told:
            family = kind(f"parley_role_{name}", words, labels=["worker", "role"])
            for worker, role in roles:
                family.add_metric([worker.place, role.role], value(role))
            yield family


def _queued(roles: Sequence[Each]) -> Metric:
    family = GaugeMetricFamily(
        "parley_role_queued_texts", "Texts that wait.", labels=["worker", "role", "priority"]
    )
    for worker, role in roles:
        for priority, count in role.queued.items():
            family.add_metric([worker.place, role.role, priority], count)
    return family


def _waits(roles: Sequence[Each]) -> Metric:
    family = HistogramMetricFamily(
        "parley_role_wait_seconds",
        "How long texts waited before they were computed.",
        labels=["worker", "role"],
    )
    for worker, role in roles:
        if role.waits:
            buckets = [(_bound(bound), count) for bound, count in role.waits]
            family.add_metric([worker.place, role.role], buckets, role.waited_seconds)
    return family


def _models(roles: Sequence[Each]) -> Metric:
    family = InfoMetricFamily(
        "parley_role_model", "Which model serves a role, and on what.", labels=["worker", "role"]
    )
    for worker, role in roles:
        names = {"model": role.model, "origin": role.origin, "device": role.device, "state": role.state}
        family.add_metric([worker.place, role.role], names)
    return family


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == float("inf") else f"{seconds:g}"
