"""Whether a network in 8 bits still says what the exact one says, and is quicker here."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bot.models import Task
from bot.worker.encoders.network import Network
from bot.worker.encoders.windows import Window

if TYPE_CHECKING:
    from bot.worker.encoders.network import Floats

# The least agreement: mean cosine of vectors, else the part of the probes that get the same answer.
FLOORS = {
    Task.EMBEDDING: 0.98,
    Task.CLASSIFICATION: 0.995,
    Task.EXTRACTION: 0.98,
    Task.RERANKING: 0.995,
}
# Two scores of relevance are the same answer when they lie no farther apart.
NEAR = 0.05
# Below this 8 bits are not worth what they lose: processors without an instruction for them gain nothing.
LEAST_SPEEDUP = 1.05
TRIALS = 3
TIMED = 24

OPENINGS = (
    "I think", "Honestly,", "As of today", "Since the last update", "To be fair,", "In our team",
    "我觉得", "说实话，", "Ich finde,", "Seit gestern ist", "À mon avis,", "Je crois que",
)  # fmt: skip
SUBJECTS = (
    "the new login page", "the support team", "your answer to ticket 4711", "this movie", "our printer",
    "今天的天气", "这家酒店的房间", "der Bericht von Frau Weber", "das Essen", "la réunion de lundi",
)  # fmt: skip
VERDICTS = (
    "is wonderful and I love it", "is okay, nothing special", "makes me really angry",
    "broke again at 9:30", "was moved to Thursday", "真好。", "太差了，很失望", "ist leider kaputt",
    "war ganz großartig!", "est très utile",
)  # fmt: skip
QUESTIONS = ("What is wonderful?", "When did it break?", "什么太差了？", "Was ist kaputt?")
STEP = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far 8 bits agree with the exact numbers, how much quicker they are, and whether to use them."""

    agreement: float
    speedup: float
    is_good: bool


def compare(task: Task, exact: Network, quick: Network) -> Verdict:
    """Both on the probes."""
    windows = [window for each in probes(task, exact) for window in each]
    agreement = agree(task, exact.run(windows), quick.run(windows))
    speedup = seconds(exact, windows) / seconds(quick, windows)
    is_good = agreement >= FLOORS[task] and speedup >= LEAST_SPEEDUP
    return Verdict(round(agreement, 5), round(speedup, 3), is_good)


def probes(task: Task, network: Network) -> list[tuple[Window, ...]]:
    """The windows of texts of several languages, from three words to some fifty; the same ones every time."""
    everything = list(itertools.product(OPENINGS, SUBJECTS, VERDICTS))
    texts = [" ".join(words) for words in everything[::STEP]]
    longer = [". ".join(texts[place : place + 4]) for place in range(0, len(texts), 4)]
    texts = [*texts, *longer]
    if task in {Task.EMBEDDING, Task.CLASSIFICATION}:
        return network.tokens.texts(texts)
    return network.tokens.pairs(list(zip(itertools.cycle(QUESTIONS), texts)))


def agree(task: Task, exact: Sequence[Floats], quick: Sequence[Floats]) -> float:
    """The agreement of outputs, 0 where one is no number."""
    if not all(np.isfinite(each).all() for each in quick):
        return 0.0
    pairs = list(zip(exact, quick, strict=True))
    if task is Task.EMBEDDING:
        return float(np.mean([first @ second for first, second in pairs]))
    if exact[0].shape == (1,):
        return float(np.mean([abs(sigmoid(first) - sigmoid(second)) <= NEAR for first, second in pairs]))
    return float(np.mean([(first.argmax(-1) == second.argmax(-1)).all() for first, second in pairs]))


def sigmoid(logits: Floats) -> float:
    """The probability of a single logit."""
    return float(1 / (1 + np.exp(-np.clip(logits[0], -60, 60))))


def seconds(network: Network, windows: Sequence[Window]) -> float:
    """The shortest time for some of the probes: one by one, as they come at low load, and together."""
    some = windows[:: max(1, len(windows) // TIMED)]
    return min(timed(network, some) for _ in range(TRIALS))


def timed(network: Network, windows: Sequence[Window]) -> float:
    """The time for each window by itself and for all of them together."""
    began = time.perf_counter()
    for window in windows:
        network.run([window])
    network.run(windows)
    return time.perf_counter() - began
