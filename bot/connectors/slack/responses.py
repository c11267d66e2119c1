"""Answers by response_url: an address good for half an hour and five answers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.connectors.slack.web_api import UNREACHABLE_SECONDS, wait_of
from bot.errors import Refused, RetryLater, Uncertain
from bot.message import Message, now

GOOD_FOR = timedelta(minutes=29)
ANSWER_SECONDS = 10.0


class ResponseUrls:
    """Posts to the addresses that came with commands and presses; no token goes there."""

    def __init__(self, session: aiohttp.ClientSession, api_url: str) -> None:
        self._session = session
        self._api = urlsplit(api_url)

    def of(self, message: Message) -> str:
        """The address to answer a message at, while it is good; empty otherwise."""
        address = message.return_address
        fresh = now() - message.sent_at < GOOD_FOR
        return address if address and fresh and self._is_slacks(address) else ""

    async def post(self, address: str, answer: dict[str, Any], *, visible: bool = False) -> None:
        """Answer once. Raises Refused when the address is used up, RetryLater or Uncertain."""
        kind = "in_channel" if visible else "ephemeral"
        body = {"response_type": kind, "replace_original": False, **answer}
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                self._session.post(address, json=body, allow_redirects=False) as response,
            ):
                status, headers = response.status, response.headers
        except aiohttp.ClientConnectorError:
            raise RetryLater(UNREACHABLE_SECONDS, "Slack is not reached") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise Uncertain(f"response_url: {type(error).__name__}") from None
        if status == 429:
            raise RetryLater(wait_of(headers))
        if status >= 500:
            raise Uncertain(f"response_url: HTTP {status}")
        if status != 200:
            raise Refused(f"response_url: HTTP {status}")

    def _is_slacks(self, address: str) -> bool:
        parts = urlsplit(address)
        if (parts.scheme, parts.netloc) == (self._api.scheme, self._api.netloc):
            return True
        domain = (self._api.hostname or "").removeprefix("www.")
        return parts.scheme == "https" and (parts.hostname or "").endswith(f".{domain}")
