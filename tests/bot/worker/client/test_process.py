import asyncio
import signal

import pytest

from bot.worker.client.process import Breaker, kill


def test_the_first_death_costs_no_pause_and_the_next_ones_more_each():
    breaker = Breaker(deaths=6)
    assert [breaker.record(now) for now in range(5)] == [0.0, 0.5, 1.0, 2.0, 4.0]


def test_too_many_deaths_lead_to_a_rest_and_then_the_count_begins_anew():
    breaker = Breaker(deaths=3, window=60.0, rest=42.0)
    assert [breaker.record(now) for now in (0.0, 1.0, 2.0, 50.0)] == [0.0, 0.5, 42.0, 0.0]


def test_rare_deaths_are_forgiven():
    breaker = Breaker(deaths=2, window=60.0)
    assert [breaker.record(now) for now in (0.0, 60.0, 121.0)] == [0.0, 0.0, 0.0]


async def test_a_killed_process_is_gone_also_when_nobody_waits_any_more():
    process = await asyncio.create_subprocess_exec("sleep", "60", stdin=asyncio.subprocess.PIPE)
    killing = asyncio.create_task(kill(process))
    await asyncio.sleep(0)
    killing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killing
    assert process.returncode == -signal.SIGKILL
