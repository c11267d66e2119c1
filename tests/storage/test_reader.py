"""Readers under faults: callers who go away while the driver still reads."""

from __future__ import annotations

import asyncio

from storage import open_store


async def test_reads_cancelled_as_the_store_closes_are_not_cut_off(database_url: str) -> None:
    for pause in (0.0, 0.0005, 0.001, 0.002):
        async with open_store(database_url) as store:
            reads = [asyncio.create_task(store.history.recent("test:room")) for _ in range(40)]
            await asyncio.sleep(pause)
            for read in reads:
                read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
        assert not store.history._reader._reading
