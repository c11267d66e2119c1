"""The web chat: one page, a small JSON API and one event stream per open conversation."""

from bot.connectors.web.connector import WebConnector

__all__ = ["WebConnector"]
