"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass

from bot.benchmarks.serving.loads import CHAT, MIXES
from bot.benchmarks.serving.peers import PEERS


@dataclass(frozen=True, slots=True)
class Plan:
    """Bursts of `count` messages, `rounds` times in turn with the limit; rates are shares of the limit.

    Tuning is one burst for each variant of a peer. `parts` are measured beside the encoder.
    """

    count: int = 400
    rounds: int = 3
    mixes: tuple[str, ...] = MIXES
    rates: tuple[float, ...] = (0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.1)
    seconds: float = 30.0
    peers: tuple[str, ...] = tuple(PEERS)
    may_install: bool = False
    tunes: bool = True
    alone: int = 60
    alerts: int = 60
    parts: tuple[str, ...] = ("int8", "decoder")
    threads: int = 1


QUICK = Plan(
    count=200,
    rounds=2,
    mixes=(CHAT,),
    rates=(0.5,),
    seconds=6.0,
    peers=("naive",),
    tunes=False,
    alone=20,
    alerts=15,
    parts=(),
)
