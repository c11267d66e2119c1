"""What a worker tells of itself, as the operator sees it; and that nonsense in it harms nobody."""

from math import inf

import pytest

from bot.report import RoleReport
from bot.worker.client.link import Remote
from bot.worker.client.process import Breaker
from bot.worker.client.reports import report_of, role_report
from bot.worker.client.supervisor import Supervisor
from bot.worker.options import WorkerOptions

TOLD = {
    "state": "loaded",
    "model": "tiny",
    "origin": "built-in",
    "device": "cpu",
    "queued_by": {"alert": 1, "person": 2, "background": 3},
    "waits": [1, 0, 2],
    "waited_seconds": 1.5,
    "tokens": 90,
    "memory_bytes": 1000,
}


@pytest.fixture
def worker():
    return Supervisor(
        Remote("tcp:10.0.0.5:9000", "secret"), WorkerOptions(), Breaker(), roles={"chat": "own"}
    )


def test_a_role_is_told_with_its_waits_added_up():
    report = role_report("sentiment", TOLD, [0.1, 1.0])
    assert report.waits == ((0.1, 1), (1.0, 1), (inf, 3))
    assert (report.model, report.tokens, report.memory_bytes) == ("tiny", 90, 1000)
    assert report.queued == {"alert": 1, "person": 2, "background": 3}


def test_a_model_that_is_shared_is_counted_once():
    assert role_report("reranking", TOLD | {"shares": "embedding"}, []).memory_bytes == 0


def test_a_worker_that_said_nothing_yet_has_its_known_roles(worker):
    report = report_of(worker)
    assert (report.place, report.phase, report.unanswered) == ("tcp:10.0.0.5:9000", "stopped", 0)
    assert [each.role for each in report.roles] == ["chat"]
    assert "secret" not in repr(report)


@pytest.mark.parametrize(
    "health",
    [
        {"roles": []},
        {"roles": {"chat": None}},
        {"roles": {"chat": {"waits": [1], "queued_by": 7, "tokens": float("nan"), "state": "<b>"}}},
        {"roles": {"chat": {"tokens": -5, "memory_bytes": 10**400, "model": ["x"], "padding": True}}},
        {"wait_bounds": "ab", "roles": {"chat": {"waits": [1, 2, 3]}}, "device": 7, "memory_bytes": "many"},
    ],
)
def test_nonsense_counts_as_nothing(worker, health):
    worker.health = health
    (role,) = report_of(worker).roles
    assert (role.tokens, role.memory_bytes, role.waits, role.model) == (0, 0, (), "")
    assert role.state == "absent"
    assert all(count == 0 for count in role.queued.values())


def test_names_and_roles_without_end_are_cut(worker):
    worker.health = {"roles": {f"role {number}": {"model": "x" * 10_000} for number in range(1000)}}
    report = report_of(worker)
    assert len(report.roles) == 100
    assert max(len(each.model) for each in report.roles) == 100
    assert RoleReport("x").queued == {}
