"""A fake platform full of people, in a process of its own: `python -m bot.benchmarks.crowd discord|slack`.

It prints its addresses as a line of JSON, then takes orders on standard input, one per line:
`say COUNT PER_SECOND`. Each message holds the moment it was said, in seconds since 1970.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

CHANNELS = 50

Say = Callable[[int], object]


async def discord() -> None:
    """Serve a Discord with talkative channels."""
    from bot.testing.discord import FakeDiscord

    async with FakeDiscord(check=False).serving() as fake:
        channels = [fake.add_channel(f"talk-{number}") for number in range(CHANNELS)]
        address = {"token": fake.token, "port": fake.port, "ca_file": str(fake.ca_file)}
        await _obey(address, lambda number: fake.say(channels[number % CHANNELS], _words(number)))


async def slack() -> None:
    """Serve a Slack with talkative channels."""
    from bot.testing.slack import FakeSlack

    async with FakeSlack(redeliver_seconds=60.0).serving() as fake:  # Slack tries again after a minute
        channels = [fake.add_channel(f"talk-{number}") for number in range(CHANNELS)]
        address = {"bot_token": fake.bot_token, "app_token": fake.app_token, "api_url": fake.api_url}
        await _obey(address, lambda number: fake.say(channels[number % CHANNELS], _words(number)))


async def _obey(address: dict[str, Any], say: Say) -> None:
    print(json.dumps(address), flush=True)  # noqa: T201 - how the other process learns it
    number = 0
    while line := await asyncio.to_thread(sys.stdin.readline):
        _, count, per_second = line.split()
        began = time.perf_counter()
        for place in range(int(count)):
            say(number)
            number += 1
            await asyncio.sleep(max(0.0, began + place / float(per_second) - time.perf_counter()))


def _words(number: int) -> str:
    return f"{time.time():.6f} people talk about this and that, for the {number}th time"


if __name__ == "__main__":
    asyncio.run({"discord": discord, "slack": slack}[sys.argv[1]]())
