"""A bot on a fake Discord or Slack in a process of its own, to be killed: one argument, JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot import faults
from bot.connector import Connector
from bot.settings import DiscordSettings, Settings, SlackSettings
from bot.testing.platform import platform_settings, run_bot


def settings_for(wanted: Mapping[str, Any]) -> Settings:
    """Test skills, no limits, and the account of the fake platform."""
    settings = platform_settings(Path(wanted["data_dir"]))
    if wanted["platform"] == "discord":
        return settings.model_copy(update={"discord": DiscordSettings(token=SecretStr(wanted["token"]))})
    slack = SlackSettings(
        bot_token=SecretStr(wanted["bot_token"]),
        app_token=SecretStr(wanted["app_token"]),
        api_url=wanted["api_url"],
    )
    return settings.model_copy(update={"slack": slack})


def connector_for(wanted: Mapping[str, Any], settings: Settings) -> Connector:
    """The real connector, its network led to the fake."""
    if wanted["platform"] == "slack":
        from bot.connectors.slack import SlackConnector

        return SlackConnector(settings)
    from bot.connectors.discord import DiscordConnector
    from bot.testing.discord.loopback import loopback_connector

    port, ca_file = wanted["port"], Path(wanted["ca_file"])
    return DiscordConnector(settings, connector=lambda: loopback_connector(port, ca_file))


def main() -> None:
    """Run until SIGTERM, or until a crash point that was armed."""
    wanted = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for point, passes in wanted.get("points", {}).items():
        faults.arm(point, passes)
    settings = settings_for(wanted)
    asyncio.run(run_bot(settings, connector_for(wanted, settings)))


if __name__ == "__main__":
    main()
