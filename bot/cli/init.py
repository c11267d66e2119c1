"""`parley init`: choose what to connect, write the settings and secrets, and say what to click."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import credentials, guide
from bot.cli.choices import Choices, Options, SlackWay, choose
from bot.cli.credentials import Credential
from bot.cli.options import DataDir
from bot.cli.questions import Questions

DEFAULT_FILE = "parley.toml"
DEFAULT_FOLDER = "data"


def init(
    web: Annotated[bool | None, typer.Option(help="The chat page.", show_default=False)] = None,
    discord: Annotated[bool | None, typer.Option(help="Discord.", show_default=False)] = None,
    slack: Annotated[
        SlackWay | None,
        typer.Option(help="Slack, its events by Socket Mode or over HTTP.", show_default=False),
    ] = None,
    slack_url: Annotated[
        str, typer.Option(metavar="URL", help="For HTTP: the https address at which Slack reaches this bot.")
    ] = "",
    observe: Annotated[
        bool | None, typer.Option(help="Read channels, not only mentions.", show_default=False)
    ] = None,
    voice: Annotated[bool | None, typer.Option(help="Write voice messages down.", show_default=False)] = None,
    direct: Annotated[
        bool | None, typer.Option(help="Answer direct messages on Slack.", show_default=False)
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: take these options and the defaults.")
    ] = False,
    show_manifest: Annotated[
        bool, typer.Option("--show-manifest", help="Print the manifest of the Slack app alone.")
    ] = False,
    show_invite: Annotated[
        int | None,
        typer.Option(
            metavar="APPLICATION_ID", help="Print the Discord invite link alone.", show_default=False
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help=f"Settings file to write (default: {DEFAULT_FILE})."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Connect the chat page, Discord and Slack: asks, writes settings and secrets, says what to click."""
    if show_invite is not None:
        from bot.connectors.discord.permissions import invite_link

        return print(invite_link(show_invite))
    if show_manifest:
        slack, yes = slack or SlackWay.SOCKET, True
    questions = Questions(silent=yes)
    choices = choose(questions, Options(web, discord, slack, slack_url, observe, voice, direct))
    if show_manifest:
        return print(_manifest(choices))
    file = config or Path(os.environ.get("PARLEY_CONFIG") or DEFAULT_FILE)
    return _set_up(questions, choices, file, data_dir)


def _manifest(choices: Choices) -> str:
    """The Slack app of these choices, as JSON to paste, with the skills that stand in messages' menus."""
    import json

    from bot.connectors.slack.manifest import manifest
    from bot.loader import load_plugins
    from bot.settings import Settings

    settings = Settings.model_construct()
    skills = load_plugins(settings).skills.values()
    app = manifest(
        choices.features(),
        url=choices.url,
        command=settings.slack.command,
        shortcuts=[(each.name, each.menu) for each in skills if each.menu],
    )
    return json.dumps(app, indent=2, ensure_ascii=False)


def _set_up(questions: Questions, choices: Choices, file: Path, data_dir: Path | None) -> None:
    """Show the steps to each secret and ask for it, write everything, and say what is next."""
    from bot.cli.settings_file import add_tables, written_by

    _check_installed(choices)
    present = written_by(file)
    named = os.environ.get("PARLEY_DATA_DIR") or present.get("data_dir", DEFAULT_FOLDER)
    folder = data_dir or Path(str(named))
    if present and not questions.confirm(f"{file} is there. Add to it what it lacks?", default=True):
        raise typer.Exit(1)
    tables = choices.tables(folder / credentials.FOLDER)
    if data_dir is not None and str(data_dir) != present.get("data_dir", DEFAULT_FOLDER):
        tables = {"": {"data_dir": str(data_dir)}, **tables}
    kept = _keep_secrets(questions, choices, folder / credentials.FOLDER)
    by_hand = add_tables(file, tables)
    print(f"\nWritten: {', '.join(map(str, [*([file] if file.exists() else []), *kept])) or 'nothing'}")
    if by_hand:
        print(f"\n{file} says otherwise. Change these lines in it yourself:\n\n{by_hand}")
    print(f"\nNext\n{guide.numbered(_next_steps(choices, file, folder))}")


def _check_installed(choices: Choices) -> None:
    """Fail before anything is asked for when a platform's library is missing."""
    if choices.discord:
        import bot.connectors.discord.permissions
    if choices.has_slack:
        import bot.connectors.slack.manifest  # noqa: F401


def _keep_secrets(questions: Questions, choices: Choices, folder: Path) -> list[Path]:
    """Write what is answered; the files written."""
    kept: list[Path] = []
    if choices.discord:
        steps = guide.discord_application(message_content=choices.observe)
        print(f"\nDiscord\n{guide.numbered(steps)}\n")
        kept += _keep(questions, credentials.DISCORD_TOKEN, folder)
    if choices.has_slack:
        steps = guide.slack_app(socket_mode=choices.slack is SlackWay.SOCKET)
        print(f"\nSlack: the manifest of the app\n\n{_manifest(choices)}\n\n{guide.numbered(steps)}\n")
        for credential in choices.slack_credentials:
            kept += _keep(questions, credential, folder)
    return kept


def _keep(questions: Questions, credential: Credential, folder: Path) -> list[Path]:
    file = folder / credential.file
    text = questions.secret(credential, known=file.exists())
    if not text:
        return []
    credentials.write_secret(file, text)
    return [file]


def _next_steps(choices: Choices, file: Path, folder: Path) -> list[str]:
    secrets = folder / credentials.FOLDER
    steps = [
        f"Put {each.label} into {secrets / each.file} with mode 600, or type this command again."
        for each in choices.credentials
        if not (secrets / each.file).exists()
    ]
    if choices.discord:
        steps.append(f"Invite the bot to your Discord server: {_invite(secrets)}")
    if choices.has_slack:
        steps.append("Invite the bot to a Slack channel: type /invite @parley there.")
    where = f" --config {shlex.quote(str(file))}" if file.exists() else ""
    return [*steps, f"Check everything: parley doctor{where}", f"Start: parley run{where}"]


def _invite(secrets: Path) -> str:
    """The invite link; the application's id stands in its token."""
    from bot.connectors.discord.permissions import invite_link

    file = secrets / credentials.DISCORD_TOKEN.file
    number = credentials.application_id(file.read_text("utf-8")) if file.exists() else None
    if number is None:
        return "parley init --show-invite APPLICATION_ID prints the link; General Information shows the id."
    return invite_link(number)
