"""A bot on the fake Discord in a process of its own, to be killed: DATA_DIR PORT CA_FILE."""

import asyncio
import sys
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from bot.connectors.discord import DiscordConnector
from bot.settings import DiscordSettings
from bot.testing.discord import FakeDiscord, loopback_connector
from bot.testing.platform import platform_settings, run_bot


def main(data_dir: str, port: str, ca_file: str) -> None:
    section = DiscordSettings(token=SecretStr(FakeDiscord().token))
    settings = platform_settings(Path(data_dir)).model_copy(update={"discord": section})
    connector = DiscordConnector(settings, connector=partial(loopback_connector, int(port), Path(ca_file)))
    asyncio.run(run_bot(settings, connector))


if __name__ == "__main__":
    main(*sys.argv[1:])
