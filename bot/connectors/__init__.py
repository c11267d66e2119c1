"""The ways in: one module or folder per platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.connector import Connector
    from bot.settings import Settings


def connectors_for(settings: Settings) -> list[Connector]:
    """The ways in that the settings switch on: each platform's library is imported only for these.

    Raises BadSettings when one is set up by halves.
    """
    connectors: list[Connector] = []
    if settings.web.enabled:
        from bot.connectors.web import WebConnector

        connectors.append(WebConnector(settings))
    if settings.discord.token.get_secret_value() or settings.discord.token_file:
        from bot.connectors.discord import DiscordConnector

        connectors.append(DiscordConnector(settings))
    if settings.slack.bot_token.get_secret_value() or settings.slack.bot_token_file:
        from bot.connectors.slack import SlackConnector

        connectors.append(SlackConnector(settings))
    return connectors
