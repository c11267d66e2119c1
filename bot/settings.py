"""Settings: one TOML file, every field described, `PARLEY_SECTION__FIELD` over it, defaults under it."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.errors import BadSettings
from bot.secrets import read_secret

PREFIX = "PARLEY_"


class Section(BaseModel):
    """The base of every section: a misspelt field is an error, and nothing changes after start."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PluginSettings(Section):
    """The base of a plugin's own settings, read from `[plugin.NAME]`."""


class StorageSettings(Section):
    """Where conversations are kept."""

    url: str = Field(
        "",
        description="Empty: SQLite in the data folder. For PostgreSQL: postgresql://user@host/database. "
        "A URL with a password belongs into PARLEY_STORAGE__URL or url_file, not into this file.",
    )
    url_file: Path | None = Field(None, description="A file holding the URL, when it carries a password.")


class WebSettings(Section):
    """The chat page."""

    enabled: bool = Field(True, description="Serve the chat page.")
    host: str = Field(
        "127.0.0.1", description="Address to listen on. 0.0.0.0 opens the page to your network."
    )
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    title: str = Field("parley", max_length=80, description="The name shown on the page.")
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Host names the page is reached by, behind a proxy for example. "
        "The address listened on and localhost are always allowed.",
    )
    uploads: Literal["auto", "shared", "private", "off"] = Field(
        "auto",
        description="Files added on the page: shared with everyone, private to the visitor, or off. "
        "auto: shared when listening on this machine only, else private.",
    )


class DiscordSettings(Section):
    """Discord. It is connected when there is a token."""

    token: SecretStr = Field(
        SecretStr(""), description="The bot's token. It belongs into PARLEY_DISCORD__TOKEN or token_file."
    )
    token_file: Path | None = Field(None, description="A file holding the token, readable by you alone.")
    answer_in: Literal["thread", "channel"] = Field(
        "thread",
        description="Where a mention in a channel is answered: in a thread begun from it, or below it.",
    )
    message_content: bool = Field(
        True,
        description="Ask for the message content intent. Without it only mentions, replies and direct "
        "messages are read: threads need a mention every time, and nothing can be observed.",
    )
    catch_up_hours: float = Field(
        24.0, ge=0, description="How far back missed messages are fetched after a break; 0 for not at all."
    )


class SlackSettings(Section):
    """Slack. It is connected when there is a bot token, by Socket Mode when there is an app token."""

    bot_token: SecretStr = Field(
        SecretStr(""),
        description="The bot token (xoxb-…). It belongs into PARLEY_SLACK__BOT_TOKEN or bot_token_file.",
    )
    bot_token_file: Path | None = Field(
        None, description="A file holding the bot token, readable by you alone."
    )
    app_token: SecretStr = Field(
        SecretStr(""),
        description="The app token (xapp-…) for Socket Mode, which needs no open port. It belongs into "
        "PARLEY_SLACK__APP_TOKEN or app_token_file.",
    )
    app_token_file: Path | None = Field(
        None, description="A file holding the app token, readable by you alone."
    )
    signing_secret: SecretStr = Field(
        SecretStr(""),
        description="The signing secret, needed when events come over HTTP instead. It belongs into "
        "PARLEY_SLACK__SIGNING_SECRET or signing_secret_file.",
    )
    signing_secret_file: Path | None = Field(
        None, description="A file holding the signing secret, readable by you alone."
    )
    more_bot_tokens: tuple[SecretStr, ...] = Field(
        (),
        description="Bot tokens of further workspaces with the same app. They belong into the environment.",
    )
    api_url: str = Field(
        "https://slack.com/api/", description="Address of Slack's API; another for GovSlack."
    )
    host: str = Field("127.0.0.1", description="Address on which HTTP events are taken.")
    port: int = Field(
        3000, ge=0, le=65535, description="Port on which HTTP events are taken; 0 takes a free one."
    )
    command: str = Field("/parley", description="The slash command people type.")
    in_doubt: Literal["resend", "hold"] = Field(
        "resend",
        description="A reply that Slack may have taken without saying so, and that its history does not "
        "show: sent again, or held back and counted.",
    )
    catch_up_hours: float = Field(
        24.0, ge=0, description="How far back missed messages are fetched after a break; 0 for not at all."
    )


class WorkerSettings(Section):
    """The process that holds the models."""

    enabled: bool = Field(
        True, description="Start the model worker. Without it, search works by words alone."
    )
    embedding_model: Path | None = Field(
        None,
        description="Folder of an encoder (safetensors and tokenizer). Empty: the built-in all-MiniLM-L6-v2.",
    )
    speech_model: Path | None = Field(
        None,
        description="Folder of a speech recognition model (safetensors): Whisper, or CTC such as Wav2Vec2. "
        "Empty: the small English recogniser of pocketsphinx.",
    )
    speech_minutes: int = Field(
        15, ge=1, le=120, description="Longest recording that is written down, in minutes."
    )
    threads: int = Field(
        0, ge=0, le=512, description="CPU threads of the worker; 0 leaves one core to the bot."
    )
    deadline_seconds: float = Field(30.0, gt=0, description="How long a request may wait and compute.")


class LaneSettings(Section):
    """How conversations are worked on."""

    concurrency: int = Field(64, ge=1, le=4096, description="Conversations worked on at the same time.")
    lease_seconds: float = Field(10.0, gt=0, description="How long a dead process keeps its conversations.")
    deaths: int = Field(
        3, ge=1, description="Process deaths after which a message is put aside (dead letter)."
    )
    drain_seconds: float = Field(10.0, ge=0, description="How long a stop waits for work in progress.")
    expire_seconds: float = Field(
        86400.0,
        gt=0,
        description="Messages waiting longer than this, after a long outage, are not answered any more.",
    )


class RouterSettings(Section):
    """How the skill that answers is chosen."""

    prefix: str = Field("/", min_length=1, max_length=3, description="What an explicit command begins with.")
    threshold: float = Field(
        0.55, ge=0, le=1, description="How close free text must be to a skill's example phrases (cosine)."
    )
    fallback: str = Field("ask", description="The skill for everything else; empty for none.")
    voice: str = Field("transcribe", description="The skill that writes voice messages down; empty for none.")


class LimitSettings(Section):
    """Guards against floods and oversized input."""

    message_kb: int = Field(64, ge=1, description="Longest message, in KiB of UTF-8.")
    attachment_mb: int = Field(20, ge=1, description="Largest file sent with a message, in MiB.")
    person_per_minute: int = Field(
        60, ge=0, description="Messages answered per person and minute; 0 for no limit."
    )
    channel_per_minute: int = Field(
        240, ge=0, description="Messages answered per channel and minute; 0 for no limit."
    )


class KnowledgeSettings(Section):
    """Documents people may ask about."""

    refresh_seconds: float = Field(30.0, gt=0, description="How often added files are checked for changes.")
    document_mb: int = Field(50, ge=1, description="Largest document, in MiB.")
    parse_seconds: float = Field(60.0, gt=0, description="Longest time to read one document.")
    parse_memory_mb: int = Field(1024, ge=128, description="Most memory to read one document, in MiB.")


class PluginsSettings(Section):
    """Which plugins are loaded. Their own settings stand in [plugin.NAME]."""

    disabled: tuple[str, ...] = Field((), description="Bundled plugins to leave out, by name.")
    paths: tuple[Path, ...] = Field((), description="Your own plugins: Python files or folders.")
    entry_points: tuple[str, ...] = Field((), description="Installed plugins to load, by entry point name.")


class ChannelRule(Section):
    """What is switched off in some channels."""

    match: str = Field(description="Pattern of conversation keys, such as 'web:*' or 'discord:1234*'.")
    disable: tuple[str, ...] = Field((), description="Plugins or skills that do not work there.")


class LogSettings(Section):
    """What is written to standard error. Message texts never are."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level written.")
    format: Literal["text", "json"] = Field("text", description="One line of text, or one JSON object.")


class Settings(BaseSettings):
    """All of it. Sections are TOML tables of the same name."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    data_dir: Path = Field(
        Path("data"), description="Folder of the database, its backups and the worker's socket."
    )
    storage: StorageSettings = StorageSettings()
    web: WebSettings = WebSettings()
    discord: DiscordSettings = DiscordSettings()
    slack: SlackSettings = SlackSettings()
    worker: WorkerSettings = WorkerSettings()
    lanes: LaneSettings = LaneSettings()
    router: RouterSettings = RouterSettings()
    limits: LimitSettings = LimitSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    plugins: PluginsSettings = PluginsSettings()
    log: LogSettings = LogSettings()
    plugin: dict[str, dict[str, Any]] = Field({}, description="Settings of each plugin, by its name.")
    channels: tuple[ChannelRule, ...] = Field(
        (), description="Rules for some channels; all that match apply."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose tables come as init values."""
        return env_settings, init_settings

    @property
    def database_url(self) -> str:
        """The URL of the database, from wherever it is set."""
        if self.storage.url_file is not None:
            return read_secret(self.storage.url_file, "storage.url_file")
        return self.storage.url or f"sqlite+aiosqlite:///{self.data_dir.absolute() / 'parley.sqlite3'}"


def load_settings(file: Path | None = None, *, data_dir: Path | None = None) -> Settings:
    """Read the settings; raises BadSettings naming each wrong key, its place and what to do.

    Without `file`, `PARLEY_CONFIG` names it; without both, defaults and the environment are used.
    """
    file = file or (Path(named) if (named := os.environ.get(f"{PREFIX}CONFIG")) else None)
    text = "" if file is None else _read(file)
    tables = _parse(file, text)
    if _has_password(tables.get("storage", {}).get("url", "")):
        place = _place(file, text, ("storage", "url"))
        raise BadSettings(
            f"{place}: storage.url holds a password. Put it into PARLEY_STORAGE__URL or storage.url_file."
        )
    _refuse_secrets(file, text, tables)
    try:
        settings = Settings(**tables)
    except ValidationError as error:
        raise BadSettings("\n".join(_explain(file, text, each) for each in error.errors())) from None
    return settings if data_dir is None else settings.model_copy(update={"data_dir": data_dir})


def read_plugin_settings(settings: Settings, name: str, section: type[PluginSettings]) -> PluginSettings:
    """The settings of plugin `name`; raises BadSettings naming each wrong key."""
    try:
        return section.model_validate(settings.plugin.get(name, {}), strict=False)
    except ValidationError as error:
        lines = (
            f"settings: plugin.{name}.{'.'.join(map(str, each['loc']))}: {_advice(each)}"
            for each in error.errors()
        )
        raise BadSettings("\n".join(lines)) from None


def _refuse_secrets(file: Path | None, text: str, tables: dict[str, Any]) -> None:
    for name in ("discord", "slack"):
        table = tables.get(name, {})
        for key, field in Settings.model_fields[name].annotation.model_fields.items():  # type: ignore[union-attr]
            if isinstance(table, dict) and table.get(key) and "SecretStr" in str(field.annotation):
                variable = f"{PREFIX}{name}__{key}".upper()
                place = _place(file, text, (name, key))
                raise BadSettings(
                    f"{place}: {name}.{key} is a secret. Put it into {variable} or a file of its own."
                )


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise BadSettings(f"{file}: no such file. 'parley config sample > {file}' writes one.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(
            f"{file}: cannot be read ({type(error).__name__}). It must be a UTF-8 text file."
        ) from None


def _parse(file: Path | None, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{file}: not valid TOML: {error}") from None


def _explain(file: Path | None, text: str, error: Any) -> str:
    location = tuple(str(part) for part in error["loc"])
    key = ".".join(location)
    variable = PREFIX + "__".join(location).upper()
    place = f"environment {variable}" if variable in os.environ else _place(file, text, location)
    return f"{place}: {key}: {_advice(error)}"


def _advice(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "no such setting. 'parley config sample' lists them all."
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}."


def _place(file: Path | None, text: str, location: tuple[str, ...]) -> str:
    if file is None:
        return "settings"
    table, key, current = ".".join(location[:-1]), location[-1], ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+([^\]]+)\]+", line):
            current = header.group(1).strip()
            if current == ".".join(location):
                return f"{file}, line {number}"
        elif current in (table, *location[:1]) and re.match(rf"\s*\"?{re.escape(key)}\"?\s*[=.]", line):
            return f"{file}, line {number}"
    return str(file)


def _has_password(url: str) -> bool:
    return isinstance(url, str) and re.search(r"://[^/@:]*:[^/@]+@", url) is not None
