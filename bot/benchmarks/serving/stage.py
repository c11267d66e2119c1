"""The process of one system: takes orders as lines of JSON, and answers each with a line.

python -m bot.benchmarks.serving.stage SYSTEM VARIANT FOLDER THREADS
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bot.benchmarks.serving import driving, loads
from bot.benchmarks.serving.peers import PEERS

LIMIT, OURS = "limit", "ours"

Orders = dict[str, Callable[..., Awaitable[Any]]]


@asynccontextmanager
async def opened(system: str, variant: str, folder: Path, threads: int) -> AsyncIterator[Orders]:
    """What a system can be ordered to do."""
    if system == LIMIT:
        yield limit_orders(folder, threads)
    elif system == OURS:
        from bot.benchmarks.serving.ours import classifier, open_worker

        async with open_worker(folder, threads, variant) as client:
            yield served_orders(classifier(client)) | own_orders(client)
    else:
        async with PEERS[system][0](folder, threads, variant) as classify:
            yield served_orders(classify)


def limit_orders(folder: Path, threads: int) -> Orders:
    """What the model itself is asked."""
    from bot.benchmarks.serving.card import card_limits
    from bot.benchmarks.serving.limit import Limit

    limit = Limit(folder, threads)

    async def drain(mix: str, count: int, seed: int = loads.SEED) -> Any:
        return limit.drain(mix, loads.texts(mix, count, seed=seed))

    async def direct(text: str) -> driving.Reply:
        return driving.Reply(limit.direct(text))

    async def card(mix: str, count: int) -> Any:
        return card_limits(limit, loads.texts(mix, count))

    return {"drain": drain, "alone": alone(direct), "card": card}


def served_orders(classify: driving.Classify) -> Orders:
    """What every system is asked."""

    async def drain(mix: str, count: int, seed: int = loads.SEED) -> Any:
        return await driving.drain(classify, loads.texts(mix, count, seed=seed))

    async def drive(mix: str, rate: float, seconds: float) -> Any:
        moments = list(loads.arrivals(rate, seconds))
        return await driving.drive(classify, loads.texts(mix, len(moments)), moments)

    return {"drain": drain, "drive": drive, "alone": alone(classify)}


def own_orders(client: Any) -> Orders:
    """What our worker alone is asked."""
    from bot.benchmarks.serving import ours

    async def urgent(mix: str, count: int, urgent: int) -> Any:
        return await ours.alerts(client, loads.texts(mix, count), loads.texts(loads.CHAT, urgent, seed=1))

    async def told() -> Any:
        role = await ours.counted(client)
        return {"device": ours.device_of(client), "padding": role["padding"], "budget": role["budget"]}

    return {"alerts": urgent, "told": told}


def alone(classify: driving.Classify) -> Callable[..., Awaitable[Any]]:
    """Texts one by one."""

    async def order(mix: str, count: int, seed: int = loads.SEED) -> Any:
        return await driving.one_by_one(classify, loads.texts(mix, count, seed=seed))

    return order


async def obey(orders: Orders, answer: Callable[[Any], None]) -> None:
    """Do what is ordered until the input ends."""
    answer({})
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        answer(await orders[order.pop("do")](**order))


def say(place: int, value: Any) -> None:
    """One line."""
    os.write(place, json.dumps(value).encode() + b"\n")


async def main(arguments: list[str]) -> None:
    """Open the system and obey; what else is printed goes to standard error."""
    system, variant, folder, threads = arguments
    place = os.dup(1)
    os.dup2(2, 1)
    async with opened(system, variant, Path(folder), int(threads)) as orders:
        await obey(orders, partial(say, place))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
