"""Discord as a way in."""

from bot.connectors.discord.connector import DiscordConnector

__all__ = ["DiscordConnector"]
