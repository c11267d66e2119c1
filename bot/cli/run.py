"""`parley run`: the bot with all its connectors, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from bot.cli.options import ConfigFile, DataDir, read_settings, run_async, wait_for_models

if TYPE_CHECKING:
    from bot.connectors.web import WebConnector
    from bot.models import Models
    from bot.settings import Settings


def run(config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Start parley: the chat page, the plugins and the model worker."""
    run_async(serve(read_settings(config, data_dir)))


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then let work in progress end."""
    from bot.assembly import open_bot
    from bot.connectors.web import WebConnector
    from bot.errors import BadSettings

    if not settings.web.enabled:
        raise BadSettings("web.enabled: nothing to run. Switch on web.enabled, or use 'parley chat'.")
    web = WebConnector(settings)
    async with open_bot(settings, [web]) as bot:
        running = asyncio.create_task(bot.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.cancel)
        greeting = asyncio.create_task(_greet(web, bot.models))
        try:
            await running
        except asyncio.CancelledError:
            print("parley has stopped; nothing is lost.", file=sys.stderr)
        finally:
            greeting.cancel()


async def _greet(web: WebConnector, models: Models) -> None:
    await web.started()
    print(f"parley serves {web.address} and loads its models …  (stop with Ctrl+C)", flush=True)
    await wait_for_models(models)
    print(f"parley is ready: {web.address}", flush=True)
