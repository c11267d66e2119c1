"""`parley chat`: talk to the bot in the terminal, or pipe lines through it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import groupby
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, read_settings, run_async, wait_for_models

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from rich.console import Console

    from bot.app import Bot
    from bot.connectors.terminal import Exchange, Offer, TerminalConnector
    from bot.message import Citation, ReplyFile
    from bot.settings import Settings


def chat(
    json: AsJson = False,
    conversation: Annotated[str | None, typer.Option(help="Go on with this conversation.")] = None,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Talk to parley here. With piped input each line gets one reply; --json prints one object per reply."""
    settings = read_settings(config, data_dir)
    if settings.log.level == "info":  # progress of the bot does not belong between the lines of a talk
        logging.getLogger().setLevel(logging.WARNING)
    interactive = sys.stdin.isatty() and not json
    run_async(
        _interactive(settings, conversation) if interactive else _piped(settings, conversation, as_json=json)
    )


@asynccontextmanager
async def _running(settings: Settings, terminal: TerminalConnector) -> AsyncIterator[Bot]:
    from bot.assembly import open_bot

    async with open_bot(settings, [terminal]) as bot:
        running = asyncio.create_task(bot.run())
        try:
            await wait_for_models(bot.models)
            yield bot
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def _piped(settings: Settings, conversation: str | None, *, as_json: bool) -> None:
    from bot.connectors.terminal import TerminalConnector

    sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    terminal = TerminalConnector(conversation)
    async with _running(settings, terminal) as bot:
        while line := await asyncio.to_thread(sys.stdin.readline):
            exchange = await terminal.ask(bot, line.rstrip("\r\n"))
            saved = await asyncio.to_thread(_saved, exchange.reply.files)
            if as_json:
                files = {"files": [str(each) for each in saved]} if saved else {}
                print_json(_fields(exchange, terminal.channel.conversation) | files)
            else:
                print("  ".join([_plain(exchange), *(f"(saved as {each})" for each in saved)]), flush=True)


async def _interactive(settings: Settings, conversation: str | None) -> None:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory
    from rich.console import Console

    from bot.connectors.terminal import TerminalConnector

    console = Console()
    status = console.status("starting the models …")
    terminal = TerminalConnector(conversation, show_draft=lambda text: status.update(text[-console.width :]))
    with status:
        opened = _running(settings, terminal)
        bot = await opened.__aenter__()
    try:
        prefix = settings.router.prefix
        commands = {
            prefix + skill.name: skill.summary for skill in bot.skills_in(terminal.channel.conversation)
        }
        session: PromptSession[str] = PromptSession(
            history=FileHistory(str(settings.data_dir / "terminal-history")),
            completer=WordCompleter(list(commands), meta_dict=commands, sentence=True),
            auto_suggest=AutoSuggestFromHistory(),
        )
        console.print(
            f"Ask a question, or type {prefix}help. Ctrl+D ends, Ctrl+C takes a question back.", style="dim"
        )
        await _talk(console, session, bot, terminal)
        console.print(f"Go on later with: parley chat --conversation {terminal.channel.id}", style="dim")
    finally:
        await opened.__aexit__(None, None, None)


async def _talk(console: Console, session: PromptSession[str], bot: Bot, terminal: TerminalConnector) -> None:
    from rich.markdown import Markdown

    begun = ""
    while True:
        try:
            line = await session.prompt_async("you> ", default=begun)
        except KeyboardInterrupt:
            begun = ""
            continue
        except EOFError:
            return
        begun = ""
        if not line.strip():
            continue
        exchange = await _ask(console, bot, terminal, line)
        if exchange is None:
            console.print("Taken back.", style="dim")
            continue
        console.print(Markdown(exchange.reply.text))
        for number, citation in enumerate(exchange.reply.citations, start=1):
            console.print(f"  [{number}] {_source(citation)}", style="dim", markup=False)
        for file in await asyncio.to_thread(_saved, exchange.reply.files):
            console.print(f"  saved as {file}", style="dim", markup=False)
        for listed in _listed(exchange.offers):
            console.print(f"  {listed}", style="cyan", markup=False, highlight=False)
        begun = exchange.begun


async def _ask(console: Console, bot: Bot, terminal: TerminalConnector, line: str) -> Exchange | None:
    """The answer to a line, or None when Ctrl+C took the line back."""
    loop = asyncio.get_running_loop()
    asking = asyncio.create_task(terminal.ask(bot, line))
    loop.add_signal_handler(signal.SIGINT, asking.cancel)
    try:
        with console.status("…"):
            return await asking
    except asyncio.CancelledError:
        if not asking.cancelled():
            raise
        return None
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _saved(files: Sequence[ReplyFile]) -> list[Path]:
    """The files of a reply, written to the current folder; none takes the place of another."""
    saved = []
    for file in files:
        name = PurePath(file.name.replace("\\", "/")).name.lstrip(".") or "file"
        path = next(path for path in _free_names(Path(name)) if not path.exists())
        path.write_bytes(file.content)
        saved.append(path)
    return saved


def _free_names(path: Path) -> Iterator[Path]:
    yield path
    for number in itertools.count(2):
        yield path.with_stem(f"{path.stem}-{number}")


def _plain(exchange: Exchange) -> str:
    """The reply on one line, its sources and what can be said by number behind it."""
    text = " ".join(exchange.reply.text.split())
    sources = "; ".join(f"[{n}] {_source(each)}" for n, each in enumerate(exchange.reply.citations, start=1))
    return "  ".join([text, *([f"({sources})"] if sources else []), *_listed(exchange.offers)])


def _listed(offers: Sequence[Offer]) -> list[str]:
    """What can be said by typing its number: the buttons in a line, each menu in one of its own."""
    lines = []
    for menu, numbered in groupby(enumerate(offers, start=1), key=lambda each: each[1].menu):
        words = [f"[{number}] {_worded(offer)}" for number, offer in numbered]
        lines.append("  ".join([f"{menu}:", *words] if menu else words))
    return lines


def _worded(offer: Offer) -> str:
    return " ".join(f"{offer.label} ({offer.usage})".split() if offer.usage else offer.label.split())


def _source(citation: Citation) -> str:
    return ", ".join(part for part in (citation.document, citation.heading, citation.location) if part)


def _fields(exchange: Exchange, conversation: str) -> dict[str, object]:
    reply = exchange.reply
    return {
        "text": reply.text,
        "citations": [
            {
                "document": c.document,
                "passage": c.passage,
                "heading": c.heading,
                "location": c.location,
                "text": c.text,
            }
            for c in reply.citations
        ],
        "skill": reply.skill,
        "conversation": conversation,
        "elapsed_ms": round(exchange.seconds * 1000, 1),
    } | _rare_fields(exchange)


def _rare_fields(exchange: Exchange) -> dict[str, object]:
    controls = [
        {"label": each.label, "command": each.command}
        | ({"menu": each.menu} if each.menu else {})
        | ({"usage": each.usage} if each.usage else {})
        for each in exchange.offers
    ]
    return ({"controls": controls} if controls else {}) | ({"error": True} if exchange.failed else {})
