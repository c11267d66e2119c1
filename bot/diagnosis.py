"""Check a whole installation, part by part, and say for each failure what to do."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import logging
import os
import shutil
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bot.assembly import open_endpoint, open_worker
from bot.connectors.findings import Finding, State, broken, doubtful, fine
from bot.errors import BadSettings, ModelError
from bot.loader import load_plugins
from bot.models import Speaker, Turn
from bot.settings import Settings
from storage import StorageError

if TYPE_CHECKING:
    import aiohttp

    from bot.models import Models

log = logging.getLogger(__name__)

WORKER_SECONDS = 120.0
ENDPOINT_SECONDS = 60.0
TRIAL_TOKENS = 512
SHOWN = 10
LITTLE_MB, TOO_LITTLE_MB = 1024, 100
NEEDS = {
    "model endpoint": ("aiohttp", "endpoint"),
    "chat page": ("starlette", "web"),
    "Discord": ("discord", "discord"),
    "Slack": ("slack_bolt", "slack"),
}


async def diagnose(
    settings: Settings,
    *,
    show: Callable[[str], None] = lambda part: None,
    discord_connector: aiohttp.BaseConnector | None = None,
) -> AsyncIterator[Finding]:
    """The findings as they are made, about 5 to 60 seconds in all; `show` is told each part as it begins."""
    for part, check in _parts(settings, discord_connector):
        show(part)
        try:
            if missing := _missing(part):
                yield missing
                continue
            async for finding in check():
                yield finding
        except BadSettings as error:
            yield broken(part, str(error), "Mend that setting or file; parley init writes the usual ones.")
        except Exception as error:  # the wall: one part's check never hides the others
            log.debug("the check of %s failed", part, exc_info=error)
            yield broken(
                part,
                f"could not be checked ({type(error).__name__}).",
                "Set PARLEY_LOG__LEVEL=debug to see where, and report it.",
            )


Part = tuple[str, Callable[[], AsyncIterator[Finding]]]


def _parts(settings: Settings, discord_connector: aiohttp.BaseConnector | None) -> Iterator[Part]:
    yield "settings", lambda: _each(_in_thread(check_settings, settings))
    yield "data folder", lambda: _each(_in_thread(check_data_dir, settings))
    yield "database", lambda: _each(check_database(settings))
    yield "model worker", lambda: _each(check_worker(settings))
    if settings.endpoint.url:
        yield "model endpoint", lambda: _each(check_endpoint(settings))
    if settings.web.enabled:
        yield "chat page", lambda: _page(settings)
    if has_discord(settings):
        yield "Discord", lambda: _discord(settings, discord_connector)
    if has_slack(settings):
        yield "Slack", lambda: _slack(settings)


def has_discord(settings: Settings) -> bool:
    """Whether Discord is set up."""
    return bool(settings.discord.token.get_secret_value() or settings.discord.token_file)


def has_slack(settings: Settings) -> bool:
    """Whether Slack is set up."""
    return bool(settings.slack.bot_token.get_secret_value() or settings.slack.bot_token_file)


def _has_half_of_slack(settings: Settings) -> bool:
    slack = settings.slack
    secrets = (slack.app_token.get_secret_value(), slack.signing_secret.get_secret_value())
    return not has_slack(settings) and any((*secrets, slack.app_token_file, slack.signing_secret_file))


async def _each(findings: Awaitable[list[Finding]]) -> AsyncIterator[Finding]:
    for finding in await findings:
        yield finding


async def _in_thread(check: Callable[[Settings], list[Finding]], settings: Settings) -> list[Finding]:
    return await asyncio.to_thread(check, settings)


async def _page(settings: Settings) -> AsyncIterator[Finding]:
    from bot.connectors.web.checks import check_page

    async for finding in _each(_in_thread(check_page, settings)):
        yield finding


async def _discord(settings: Settings, connector: aiohttp.BaseConnector | None) -> AsyncIterator[Finding]:
    from bot.connectors.discord.checks import check_discord

    async for finding in check_discord(settings, connector=connector):
        yield finding


async def _slack(settings: Settings) -> AsyncIterator[Finding]:
    from bot.connectors.slack.checks import check_slack

    async for finding in check_slack(settings):
        yield finding


def _missing(part: str) -> Finding | None:
    library, extra = NEEDS.get(part, ("", ""))
    if not library or importlib.util.find_spec(library):
        return None
    return broken(part, f"{library} is not installed.", f"Install it: pip install 'parley[{extra}]'")


def settings_problems(settings: Settings) -> list[str]:
    """What the settings name that is not there, and the plugins that cannot be loaded."""
    plugins = load_plugins(settings)
    problems = [f"plugin {each.name}: {each.broken}" for each in plugins.found.values() if each.broken]
    problems += [
        f"settings: plugin.{name}: no plugin of that name is loaded."
        for name in settings.plugin
        if name not in plugins.found
    ]
    if settings.router.fallback and settings.router.fallback not in plugins.skills:
        problems.append(
            f"settings: router.fallback: no skill {settings.router.fallback!r}; 'parley plugins' lists them."
        )
    return problems


def check_settings(settings: Settings) -> list[Finding]:
    """Whether everything named is there and something is connected."""
    findings = [broken("settings", problem) for problem in settings_problems(settings)]
    if not (settings.web.enabled or has_discord(settings) or has_slack(settings)):
        findings.append(
            broken("settings", "nothing is connected.", "Run parley init, or switch on web.enabled.")
        )
    if _has_half_of_slack(settings):
        words = "Slack has an app token or a signing secret, but no bot token."
        findings.append(broken("settings", words, "Set PARLEY_SLACK__BOT_TOKEN, or run parley init."))
    return findings or [fine("settings", "they can be read, and what they name is there.")]


def check_data_dir(settings: Settings) -> list[Finding]:
    """Whether the folder can be written, is private, and has room."""
    folder = settings.data_dir.absolute()
    place = next(each for each in (folder, *folder.parents) if each.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return [broken("data folder", f"{place} cannot be written.", "Give another folder with --data-dir.")]
    room = _room(place)
    if place != folder:
        return [replace(room, words=f"{folder} will be made at the first start; {room.words}")]
    findings = [room]
    if folder.stat().st_mode & 0o007:
        words = f"{folder} is open to every user of this machine."
        findings.append(doubtful("data folder", words, f"chmod 700 {folder}"))
    return findings


def _room(place: Path) -> Finding:
    megabytes = shutil.disk_usage(place).free // 2**20
    words = f"{place} can be written; {megabytes:,} MiB are free."
    if megabytes < TOO_LITTLE_MB:
        return broken("data folder", words, "Make room on that disk: without it no message can be stored.")
    return (
        doubtful("data folder", words, "Make room soon.")
        if megabytes < LITTLE_MB
        else fine("data folder", words)
    )


async def check_database(settings: Settings) -> list[Finding]:
    """Whether it opens, is whole and has a schema this parley knows."""
    from storage.inspection import inspect_store

    if not (settings.storage.url or settings.storage.url_file or settings.data_dir.is_dir()):
        return [fine("database", "will be made at the first start.")]
    try:
        seen = await inspect_store(settings.database_url)
    except StorageError as error:
        return [broken("database", str(error))]
    place = seen.place.removeprefix("The database ")
    if seen.revision is None:
        return [fine("database", f"{place} will be made at the first start.")]
    if seen.is_whole is False:
        return [broken("database", f"{place} is damaged.", "Stop parley and restore a backup.")]
    findings = [fine("database", f"{place} is whole; schema {seen.revision}.")]
    if seen.is_whole is None:
        words = f"{place} is too large for a quick check."
        findings = [doubtful("database", words, "Run parley db check when there is time.")]
    if seen.revision != seen.newest:
        words = f"its schema {seen.revision} is upgraded to {seen.newest} at the next start."
        findings.append(doubtful("database", words, "Have a backup: parley db backup FILE"))
    return findings


async def check_worker(settings: Settings) -> list[Finding]:
    """Whether the models load and answer, tried with a worker of its own."""
    if not settings.worker.enabled:
        return [fine("model worker", "switched off: search goes by words alone.")]
    with TemporaryDirectory(prefix="parley-doctor-") as folder:
        async with open_worker(settings, place=Path(folder)) as models:
            tried = await _try("model worker", _embed(models), "Until then search goes by words alone.")
            if tried.state is State.FAILURE or not settings.router.voice:
                return [tried]
            return [
                tried,
                await _try("speech", _transcribe(models), "Until then voice messages are not read."),
            ]


async def check_endpoint(settings: Settings) -> list[Finding]:
    """Whether the server of big models is there, has the model and writes a word."""
    part, endpoint = "model endpoint", settings.endpoint
    limited = endpoint.model_copy(update={"seconds": min(endpoint.seconds, ENDPOINT_SECONDS)})
    async with open_endpoint(settings.model_copy(update={"endpoint": limited})) as models:
        try:
            listed = await models.models()
            if listed is not None and endpoint.model not in _with_tags(listed):
                known = ", ".join(listed[:SHOWN]) or "none"
                words = f"{endpoint.url} has no model {endpoint.model!r}; it has: {known}."
                return [broken(part, words, "Set endpoint.model to one of them, or load it there.")]
            began = time.monotonic()
            async for _ in models.generate([Turn(Speaker.PERSON, "Say yes.")], most_tokens=TRIAL_TOKENS):
                pass
        except ModelError as error:
            return [broken(part, str(error), "Until then there is no chat and no translation.")]
    seconds = time.monotonic() - began
    return [fine(part, f"{endpoint.model} at {endpoint.url} answered in {seconds:.1f} s.")]


def _with_tags(listed: Sequence[str]) -> set[str]:
    """The names a model may be asked by: Ollama's `name:latest` is `name` as well."""
    return {*listed, *(each.removesuffix(":latest") for each in listed)}


async def _try(what: str, work: Awaitable[str], advice: str) -> Finding:
    try:
        async with asyncio.timeout(WORKER_SECONDS):
            return fine(what, await work)
    except TimeoutError:
        return broken(
            what, f"no answer within {WORKER_SECONDS:g} s.", "Give the machine more memory or cores."
        )
    except ModelError as error:
        return broken(what, str(error), advice)


async def _embed(models: Models) -> str:
    began = time.monotonic()
    await models.ready()
    await models.embed(["ready?"])
    return f"{models.status().partition(': ')[2]} It started in {time.monotonic() - began:.0f} s."


async def _transcribe(models: Models) -> str:
    began = time.monotonic()
    await models.transcribe(_silence(), deadline=WORKER_SECONDS)
    return f"a recording was listened to in {time.monotonic() - began:.0f} s."


def _silence() -> bytes:
    """A second of nothing, as a WAV file."""
    written = io.BytesIO()
    with wave.open(written, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(32_000))
    return written.getvalue()
