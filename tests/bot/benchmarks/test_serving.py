"""Other servers beside the worker: loads, costs, the limit's batches, verdicts and the picture of them."""

import asyncio
import statistics
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bot.benchmarks.serving import loads
from bot.benchmarks.serving.chart import chart
from bot.benchmarks.serving.contest import SATURATED, Contest
from bot.benchmarks.serving.driving import Reply, drain, drive
from bot.benchmarks.serving.environments import NotInstalled, interpreter
from bot.benchmarks.serving.limit import batches, efficiency
from bot.benchmarks.serving.plan import QUICK
from bot.benchmarks.serving.processes import tree_cost
from bot.benchmarks.serving.remote import stage
from bot.benchmarks.serving.verdict import verdict
from bot.benchmarks.worker import HEADINGS, rows, summary


def test_the_mixes_have_their_lengths() -> None:
    chat = [len(text.split()) for text in loads.texts(loads.CHAT, 800)]
    assert 8 <= statistics.median(chat) <= 12
    assert max(chat) <= loads.MOST_WORDS
    assert 50 <= statistics.median(len(text.split()) for text in loads.texts(loads.TICKETS, 400)) <= 70
    long = [text for text in loads.texts(loads.BIMODAL, 800) if len(text.split()) >= 400]
    assert 0.05 < len(long) / 800 < 0.15


def test_loads_are_the_same_for_the_same_seed_alone() -> None:
    assert loads.texts(loads.CHAT, 20) == loads.texts(loads.CHAT, 20)
    assert loads.texts(loads.CHAT, 20) != loads.texts(loads.CHAT, 20, seed=8)


def test_arrivals_come_at_their_rate() -> None:
    moments = list(loads.arrivals(50, 20))
    assert moments == sorted(moments)
    assert 850 <= len(moments) <= 1150


async def test_time_counts_from_the_scheduled_moment() -> None:
    lock = asyncio.Lock()

    async def one_at_a_time(text: str) -> Reply:
        async with lock:
            await asyncio.sleep(0.02)
        return Reply(text)

    found = await drive(one_at_a_time, ["a"] * 10, [0.0] * 10)
    assert found["messages"] == 10
    assert found["p99_ms"] >= 190


async def test_failures_are_counted_and_padding_is_told() -> None:
    async def classify(text: str) -> Reply:
        if text == "bad":
            raise ValueError(text)
        return Reply("good", 5, 10)

    found = await drain(classify, ["a", "bad", "b"])
    assert (found["messages"], found["errors"], found["padding"]) == (2, 1, 0.5)


def test_the_cost_of_a_tree_includes_its_children() -> None:
    before = tree_cost()
    spin = "import time; began = time.process_time()\nwhile time.process_time() - began < 0.3: pass\ninput()"
    child = subprocess.Popen([sys.executable, "-c", spin], stdin=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while tree_cost().seconds - before.seconds < 0.3 and time.monotonic() < deadline:
        time.sleep(0.05)
    alive = tree_cost()
    child.communicate(b"\n")
    assert alive.seconds - before.seconds >= 0.3
    assert alive.memory > before.memory
    assert tree_cost().seconds - before.seconds >= 0.3


def test_the_limit_keeps_its_budget_and_computes_every_row() -> None:
    lengths = [3, 90, 12, 12, 5, 300, 7, 40]
    groups = batches([[1] * length for length in lengths], 128)
    assert sorted(len(row) for rows in groups for row in rows) == sorted(lengths)
    assert all(len(rows) == 1 or len(rows[-1]) * len(rows) <= 128 for rows in groups)
    assert efficiency([[[1], [1, 1]]]) == 0.75


async def test_a_peer_without_an_environment_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match="--peers"):
        await interpreter("litserve", tmp_path, may_install=False)
    assert await interpreter("naive", tmp_path, may_install=False) == Path(sys.executable)


async def test_a_stage_that_cannot_open_is_left_out(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled):
        async with stage("naive", "1", tmp_path / "missing", 1):
            pass


def contest_of(tmp_path: Path) -> Contest:
    contest = Contest(tmp_path, tmp_path, QUICK, lambda _: None, missing={"litserve": "no environment"})
    for name, share in (("limit", 1.0), ("ours", 0.9), ("naive", 0.4), ("ray", 0.3)):
        for rate, p99 in ((SATURATED, 900.0), (0.5, 30.0), (0.9, 300.0)):
            row = {"system": name, "variant": "1", "mix": "chat", "rate": rate, "p99_ms": p99}
            row |= {"share_of_limit": share, "loop_lag_p99_ms": 2.0, "longest_batch_ms": 20.0}
            contest.table.append(row | {"throughput": 100 * share, "padding": None})
    contest.own = {"idle_ratio": 1.1, "idle_ms": 11.0, "direct_ms": 10.0, "padding": 0.95, "card": {}}
    contest.own |= {"device": "torch, cpu, 1 threads", "alerts": {"alert_p99_batches": 2.5}}
    return contest


def test_a_verdict_names_the_best_peer(tmp_path: Path) -> None:
    found = verdict(contest_of(tmp_path))
    assert (found["share_of_limit"], found["best_peer"], found["best_peer_share"]) == (0.9, "naive", 0.4)
    assert found["times_best_peer"] == 2.25
    assert (found["p99_half_load_ms"], found["longest_batch_ms"]) == (30.0, 20.0)
    assert (found["engine"], found["device"]) == ("torch", "cpu, 1 threads")
    assert len(rows(found)[0]) == len(HEADINGS)
    assert ["litserve is left out", "no environment"] in summary(found)


def test_shares_of_a_card(tmp_path: Path) -> None:
    contest = contest_of(tmp_path)
    contest.own["card"] = {
        "tokens_per_message": 20.0,
        "matrix_tokens_per_s": 18_000,
        "memory_tokens_per_s": 3600,
        "reading_messages_per_s": 180,
    }
    card = verdict(contest)["card"]
    assert (card["tokens_per_s"], card["share_of_matrix_rate"]) == (1800, 0.1)
    assert (card["share_of_memory_rate"], card["share_of_reading"]) == (0.5, 0.5)


def test_the_picture_shows_every_system_and_its_share(tmp_path: Path) -> None:
    root = ElementTree.fromstring(chart(verdict(contest_of(tmp_path))))
    words = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert {"parley", "pipeline", "Ray Serve", "0.90", "0.40"} <= set(words)
    assert sum(each.tag.endswith("polyline") for each in root.iter()) == 4
