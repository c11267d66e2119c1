"""Mixed load on a real worker, for long: its memory stays level, the bot's too, and nothing stays open.

The long form is `MINUTES=60`. Half of the time the translator is asked and the reader rests, then the other
way round; the limit of memory has no room for both, so that each change unloads one and loads the other.
Measured is anonymous memory: pages of files belong to all processes that map them.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import pytest

from bot.errors import BadInput, DeadlineExceeded, Overloaded
from bot.message import Priority
from bot.models import CHAT, Speaker, Turn
from bot.worker.client.models import WorkerClient
from bot.worker.options import ModelChoice, WorkerOptions

pytest.importorskip("torch")

MINUTES = float(os.environ.get("MINUTES", "0.3"))
THIRD = MINUTES * 60 / 3
PAIRS = max(1, round(THIRD / 40))
SHIFT = THIRD / PAIRS / 2
SAMPLE_SECONDS = min(5.0, SHIFT / 8)
RATE = 12.0
LIMIT_MB = 160
PATIENCE = 60.0
CANCELLED, LATE = 0.1, 0.05
MIB = 2**20
TOLERANCE = (8 if MINUTES >= 5 else 48) * MIB
"""So much more may be in use, on average, in the last third than in the second.

In the short form the libraries still make room for shapes they see for the first time: it finds no leak but
one of a megabyte and more for each request.
"""
CHATTER = (
    "the release is out and everybody is happy about it",
    "I hate this, it is broken again and nobody answers",
    "can someone look at the invoice of last week?",
    "会议改到星期五。",
    "",
    "😀 !! \x00 \ud800",
)

Ask = Callable[[WorkerClient, random.Random, float], Awaitable[object]]


async def embed(models: WorkerClient, chance: random.Random, deadline: float) -> None:
    texts = chance.choices(CHATTER, k=chance.randint(1, 4))
    rows = await models.embed(texts, deadline=deadline)
    assert len(rows) == len(texts)


async def rerank(models: WorkerClient, chance: random.Random, deadline: float) -> None:
    scores = await models.rerank("who sent the invoice?", CHATTER, deadline=deadline)
    assert len(scores) == len(CHATTER)


async def judge(models: WorkerClient, chance: random.Random, deadline: float) -> None:
    role, explain = chance.choice(("sentiment", "toxicity")), chance.random() < 0.1
    priority = chance.choice(tuple(Priority))
    texts = chance.choices(CHATTER, k=chance.randint(1, 8))
    found = await models.classify(texts, role=role, explain=explain, priority=priority, deadline=deadline)
    assert len(found) == len(texts)


async def read(models: WorkerClient, chance: random.Random, deadline: float) -> None:
    (span,) = await models.extract("Who wrote it?", ["It was written by Ann in 1980."], deadline=deadline)
    assert "Ann" in span.text


async def translate(models: WorkerClient, chance: random.Random, deadline: float) -> None:
    (said,) = await models.translate(["The meeting begins at nine."], target="de", deadline=deadline)
    assert said


async def chat(models: WorkerClient, chance: random.Random, deadline: float) -> None:
    turns = [Turn(Speaker.PERSON, "the cat sat on the mat")]
    async with aclosing(models.generate(turns, most_tokens=24, deadline=deadline)) as pieces:
        async for _ in pieces:
            if chance.random() < 0.02:
                break


async def judge_long(models: WorkerClient, chance: random.Random, deadline: float) -> None:
    text = chance.choice(("this is a wonderful day " * 1000, "a" * 200_000, "word " * 200_000))
    assert len(await models.classify([text], deadline=deadline)) == 1


async def speak_klingon(models: WorkerClient, chance: random.Random, deadline: float) -> None:
    await models.translate(["Good morning."], target="tlh", deadline=deadline)


async def hear_nothing(models: WorkerClient, chance: random.Random, deadline: float) -> None:
    await models.transcribe(b"", deadline=deadline)


async def talk_forever(models: WorkerClient, chance: random.Random, deadline: float) -> None:
    turns = [Turn(Speaker.PERSON, "the cat " * 30_000)] * 20
    async with aclosing(models.generate(turns, deadline=deadline)) as pieces:
        async for _ in pieces:
            pass


ALWAYS: dict[Ask, float] = {
    judge: 8,
    chat: 1,
    judge_long: 0.1,
    hear_nothing: 0.2,
    talk_forever: 0.02,
}
BAD = (speak_klingon, hear_nothing, talk_forever)
SHIFTS: tuple[dict[Ask, float], ...] = (
    ALWAYS | {embed: 1.5, rerank: 0.3, translate: 0.7, speak_klingon: 0.2},
    ALWAYS | {embed: 1.5, read: 1},
)


@dataclass
class Load:
    """People, bots and mishaps. `ends` counts how requests ended: answered, refused, late, …"""

    models: WorkerClient
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    ends: Counter[str] = field(default_factory=Counter)

    async def warm(self) -> None:
        """Ask for everything once."""
        for shift in SHIFTS:
            for ask in shift:
                self.ends[await self._asked(ask, PATIENCE)] += 1

    async def run(self, shifts: int) -> None:
        """Ask at a steady rate, whether there were answers or not; return when all is settled."""
        began, due = time.monotonic(), 0.0
        async with asyncio.TaskGroup() as group:
            while due < shifts * SHIFT:
                asked = SHIFTS[int(due / SHIFT) % 2]
                (ask,) = self.chance.choices(tuple(asked), tuple(asked.values()))
                await asyncio.sleep(began + due - time.monotonic())
                group.create_task(self._one(ask))
                due += self.chance.expovariate(RATE)

    async def _one(self, ask: Ask) -> None:
        fate = self.chance.random()
        deadline = self.chance.uniform(0.001, 0.05) if fate < LATE else PATIENCE
        leave = self.chance.uniform(0, 0.3) if fate > 1 - CANCELLED else None
        try:
            async with asyncio.timeout(leave):
                self.ends[await self._asked(ask, deadline)] += 1
        except TimeoutError:
            self.ends["cancelled"] += 1

    async def _asked(self, ask: Ask, deadline: float) -> str:
        """How it ended. Raises what should not have happened."""
        try:
            await ask(self.models, self.chance, deadline)
        except BadInput:
            assert ask in BAD
            return "refused"
        except Overloaded:
            return "busy"
        except DeadlineExceeded:
            return "late"
        assert ask not in BAD
        return "answered"


@dataclass
class Gauge:
    """Looks at both processes now and then. A sample is the bytes of the worker and of the bot."""

    models: WorkerClient
    samples: list[tuple[int, int]] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    changes: int = 0

    async def run(self) -> None:
        loaded = ""
        while True:
            worker = self.models.process
            assert worker is not None
            self.samples.append((anonymous(worker), anonymous(os.getpid())))
            self.cpu.append(cpu_seconds(worker))
            now = state_of(self.models, "reader")
            self.changes += loaded not in ("", now)
            loaded = now
            await asyncio.sleep(SAMPLE_SECONDS)

    def third(self, number: int) -> list[tuple[int, int]]:
        """The samples of the first (0), second or last third."""
        count = len(self.samples)
        return self.samples[count * number // 3 : count * (number + 1) // 3]

    def table(self) -> str:
        """A line for each third: means and peaks in MiB."""
        lines = ["third   worker   peak     bot   peak   (MiB)"]
        for number in range(3):
            worker, bot = zip(*self.third(number), strict=True)
            lines.append(
                f"{number + 1:>5} {fmean(worker) / MIB:8.1f} {max(worker) / MIB:6.1f}"
                f" {fmean(bot) / MIB:7.1f} {max(bot) / MIB:6.1f}"
            )
        cores = (self.cpu[-1] - self.cpu[0]) / (SAMPLE_SECONDS * (len(self.cpu) - 1))
        lines.append(f"worker: {cores:.2f} of a core; the reader came and went {self.changes} times")
        return "\n".join(lines)


def anonymous(process: int) -> int:
    """Bytes of memory that a process has for itself, no file's."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    sizes = dict(line.split(":", 1) for line in lines[1:])
    return sum(int(sizes[name].split()[0]) * 1024 for name in ("Pss_Anon", "Pss_Shmem"))


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def state_of(models: WorkerClient, role: str) -> str:
    return next((each.state for each in models.workers()[0].roles if each.role == role), "")


def open_texts(models: WorkerClient) -> int:
    """What waits in the worker, as it last said, and on the way to it."""
    roles = models.workers()[0].roles
    return models.unanswered + sum(sum(each.queued.values()) + each.queued_tokens for each in roles)


def mean(samples: Sequence[tuple[int, int]]) -> tuple[float, float]:
    worker, bot = zip(*samples, strict=True)
    return fmean(worker), fmean(bot)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
@pytest.mark.timeout(MINUTES * 60 + 240)
async def test_memory_stays_level_under_mixed_load(tiny_chat: Path, tmp_path: Path) -> None:
    options = WorkerOptions(
        models={CHAT: ModelChoice(tiny_chat)}, threads=1, memory_mb=LIMIT_MB, cache=tmp_path / "models"
    )
    async with WorkerClient(options, tmp_path / "run") as models:
        load, gauge = Load(models), Gauge(models)
        await load.warm()
        await load.run(2)
        process = models.process
        sampling = asyncio.create_task(gauge.run())
        try:
            await load.run(6 * PAIRS)
        finally:
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
            print(f"{MINUTES:g} minutes: {dict(load.ends)}\n{gauge.table()}")
        assert models.process == process
        async with asyncio.timeout(30):
            while open_texts(models):
                await asyncio.sleep(0.1)
    ends = load.ends
    assert set(ends) <= {"answered", "refused", "late", "busy", "cancelled"}
    assert ends["answered"] > 0.7 * ends.total()
    assert min(ends[each] for each in ("refused", "late", "cancelled")) > 0
    assert gauge.changes >= 3 * PAIRS
    for second, last in zip(mean(gauge.third(1)), mean(gauge.third(2)), strict=True):
        assert last - second <= TOLERANCE
