"""Settings: one TOML file, every field described, `PARLEY_SECTION__FIELD` over it, defaults under it."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.errors import BadSettings
from bot.secrets import read_secret
from bot.settings.sections import (
    ChannelRule,
    DiscordSettings,
    EndpointSettings,
    KnowledgeSettings,
    LaneSettings,
    LimitSettings,
    LogSettings,
    ModelSettings,
    PluginSettings,
    PluginsSettings,
    RouterSettings,
    Section,
    SlackSettings,
    StorageSettings,
    WebSettings,
    WorkerSettings,
)

__all__ = [
    "PREFIX",
    "ChannelRule",
    "DiscordSettings",
    "EndpointSettings",
    "KnowledgeSettings",
    "LaneSettings",
    "LimitSettings",
    "LogSettings",
    "ModelSettings",
    "PluginSettings",
    "PluginsSettings",
    "RouterSettings",
    "Section",
    "Settings",
    "SlackSettings",
    "StorageSettings",
    "WebSettings",
    "WorkerSettings",
    "load_settings",
    "read_plugin_settings",
]

PREFIX = "PARLEY_"


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
    time_zone: str = Field(
        "", description="Where jobs' times of day are meant, such as Europe/Berlin. Empty: UTC."
    )
    storage: StorageSettings = StorageSettings()
    web: WebSettings = WebSettings()
    discord: DiscordSettings = DiscordSettings()
    slack: SlackSettings = SlackSettings()
    worker: WorkerSettings = WorkerSettings()
    models: dict[str, ModelSettings] = Field({}, description="The model of each role, by the role's name.")
    endpoint: EndpointSettings = EndpointSettings()
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

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone: write one such as Europe/Berlin") from None
        return name

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
    for name in ("discord", "slack", "worker", "endpoint"):
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
