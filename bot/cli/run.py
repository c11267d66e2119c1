"""`parley run`: the bot with all its connectors, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from bot.cli.options import ConfigFile, DataDir, read_settings, run_async, wait_for_models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.app import Bot
    from bot.connector import Connector
    from bot.settings import Settings

STATE_SECONDS = 0.2
NOT_YET = ("starting", "connecting", "signing in")


def run(config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Start parley: what is connected, the plugins and the model worker."""
    run_async(serve(read_settings(config, data_dir)))


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then let work in progress end."""
    from bot.assembly import open_bot
    from bot.connectors import connectors_for
    from bot.errors import BadSettings

    connectors = connectors_for(settings)
    if not connectors:
        raise BadSettings(
            "Nothing to run. Switch on web.enabled, set PARLEY_DISCORD__TOKEN or PARLEY_SLACK__BOT_TOKEN, "
            "or use 'parley chat'."
        )
    async with open_bot(settings, connectors) as bot:
        running = asyncio.create_task(bot.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.cancel)
        greeting = asyncio.create_task(_greet(connectors, bot))
        try:
            await running
        except asyncio.CancelledError:
            print("parley has stopped; nothing is lost.", file=sys.stderr)
        finally:
            greeting.cancel()


async def _greet(connectors: Sequence[Connector], bot: Bot) -> None:
    """Say what is connected as soon as it is, and when the models are there."""
    from bot.connectors.web import WebConnector

    web = next((each for each in connectors if isinstance(each, WebConnector)), None)
    if web is not None:
        await web.started()
        print(f"parley serves {web.address} and loads its models …  (stop with Ctrl+C)", flush=True)
    for name in [each.platform for each in connectors if each is not web]:
        while (state := bot.duty.states()[name]).startswith(NOT_YET):
            await asyncio.sleep(STATE_SECONDS)
        print(f"parley on {name.capitalize()}: {'connected' if state == 'ok' else state}", flush=True)
    await wait_for_models(bot.models)
    print(f"parley is ready: {web.address if web else ', '.join(bot.duty.states())}", flush=True)
