"""`parley doctor`: check everything, and say for each failure what to click or type."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import typer

from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, read_settings, run_async

if TYPE_CHECKING:
    from rich.console import Console

    from bot.connectors.findings import Finding
    from bot.settings import Settings

COLOURS = {"ok": "green", "warning": "yellow", "failure": "red"}


def doctor(json: AsJson = False, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Check settings, data, database, models, ports, clock, and what Discord and Slack allow the bot."""
    from rich.console import Console

    from bot.connectors.findings import broken
    from bot.errors import BadSettings

    console = Console(stderr=json, highlight=False, markup=False, emoji=False, soft_wrap=True)
    show: Callable[[Finding], None] = partial(_print, console)
    if json:
        show = _hide
    try:
        findings = run_async(_examine(read_settings(config, data_dir), console, show))
    except BadSettings as error:
        findings = [broken("settings", line) for line in str(error).splitlines()]
        for finding in findings:
            show(finding)
    failures = sum(each.state == "failure" for each in findings)
    if json:
        print_json({"ok": not failures, "findings": [_fields(each) for each in findings]})
    else:
        console.print(_closing(failures, sum(each.state == "warning" for each in findings)))
    if failures:
        raise typer.Exit(1)


async def _examine(settings: Settings, console: Console, show: Callable[[Finding], None]) -> list[Finding]:
    """All findings, each shown as it is made; in a terminal the part being checked is seen, too."""
    from bot.diagnosis import diagnose

    findings = []
    with console.status("") as status:
        async for finding in diagnose(settings, show=lambda part: status.update(f"checking: {part} …")):
            findings.append(finding)
            show(finding)
    return findings


def _hide(finding: Finding) -> None:
    """Shown at the end, with all the others."""


def _print(console: Console, finding: Finding) -> None:
    from rich.text import Text

    line = Text(f"{finding.state:<8}", COLOURS[finding.state])
    line.append(f" {_plain(finding.what)}: {_plain(finding.words)}", "default")
    if finding.advice:
        line.append(f" → {_plain(finding.advice)}", "bold")
    console.print(line)


def _plain(text: str) -> str:
    """One line without control characters: names of channels and servers are other people's."""
    return "".join(each if each.isprintable() else " " for each in text)


def _fields(finding: Finding) -> dict[str, str]:
    return {
        "what": finding.what,
        "state": str(finding.state),
        "words": finding.words,
        "advice": finding.advice,
    }


def _closing(failures: int, warnings: int) -> str:
    if not failures and not warnings:
        return "Everything is fine."
    counts = ((failures, "failure"), (warnings, "warning"))
    told = " and ".join(f"{count} {name}{'s' * (count > 1)}" for count, name in counts if count)
    return f"{told}. What to do stands behind each arrow."
