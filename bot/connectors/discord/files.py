"""The files of messages: fetched from Discord's own hosts alone, without the bot's token, within limits."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import aiohttp

from bot.connectors.discord.rest import Denied, Rest
from bot.errors import BadInput, DeliveryError, TooLarge
from bot.message import Attachment

HOSTS = ("cdn.discordapp.com", "media.discordapp.net")
FETCH_SECONDS = 20.0
CHUNK_BYTES = 64 * 1024
EXPIRED = (403, 404)


async def fetch(rest: Rest, attachment: Attachment, limit: int) -> bytes:
    """A file's bytes. Raises TooLarge over `limit`, BadInput when it is gone or stands elsewhere.

    Addresses expire after a day; then the message is asked for the present one.
    """
    place, _, address = attachment.source.partition(" ")
    if attachment.size > limit:
        raise _too_large(attachment, limit)
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            found = await _get(rest.session, address, attachment, limit)
            if found is None:
                found = await _get(rest.session, await _renewed(rest, place, attachment), attachment, limit)
    except TimeoutError:
        raise BadInput(f"The file {attachment.name!r} takes too long to come. Try again later.") from None
    except (OSError, aiohttp.ClientError, DeliveryError):
        raise BadInput(f"The file {attachment.name!r} could not be fetched. Try again later.") from None
    if found is None:
        raise _gone(attachment)
    return found


async def _get(
    session: aiohttp.ClientSession, address: str, attachment: Attachment, limit: int
) -> bytes | None:
    """The bytes at an address; None when it has expired."""
    parts = urlsplit(address)
    if parts.scheme != "https" or parts.hostname not in HOSTS or parts.port not in (None, 443):
        raise BadInput(f"The file {attachment.name!r} does not stand at Discord, so it is not fetched.")
    async with session.get(address, allow_redirects=False) as answer:
        if answer.status in EXPIRED:
            return None
        if answer.status != 200:
            raise BadInput(f"The file {attachment.name!r} could not be fetched. Try again later.")
        content = bytearray()
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            content += chunk
            if len(content) > limit:
                raise _too_large(attachment, limit)
    return bytes(content)


async def _renewed(rest: Rest, place: str, attachment: Attachment) -> str:
    channel, _, message = place.partition("/")
    try:
        told = await rest.ask(
            "GET", "/channels/{channel_id}/messages/{message_id}", channel_id=channel, message_id=message
        )
    except Denied:
        raise _gone(attachment) from None
    shots = [each.get("message") or {} for each in told.get("message_snapshots") or ()]
    files = [each for holder in (told, *shots) for each in holder.get("attachments") or ()]
    number = attachment.id.rpartition(":")[2]
    address = next((str(each["url"]) for each in files if str(each["id"]) == number), "")
    if not address:
        raise _gone(attachment)
    return address


def _gone(attachment: Attachment) -> BadInput:
    return BadInput(f"The file {attachment.name!r} is not there any more.")


def _too_large(attachment: Attachment, limit: int) -> TooLarge:
    return TooLarge(f"The file {attachment.name!r} is larger than {limit // 1024 // 1024} MiB.")
