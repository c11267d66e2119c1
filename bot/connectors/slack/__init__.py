"""Slack as a way in."""

from bot.connectors.slack.connector import SlackConnector

__all__ = ["SlackConnector"]
