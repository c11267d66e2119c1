"""The sections of the settings: what an operator may choose about each part, every field described."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


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
    metrics: bool = Field(
        False, description="Serve the numbers of the models and queues under /metrics, for Prometheus."
    )
    operators: tuple[str, ...] = Field(
        (),
        description="Networks from which /worker and /metrics may be read, such as 10.0.0.0/8, "
        "besides this machine itself.",
    )

    @field_validator("operators")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for each in networks:
            ip_network(each, strict=False)
        return networks


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
    speech_minutes: int = Field(
        15, ge=1, le=120, description="Longest recording that is written down, in minutes."
    )
    threads: int = Field(
        0, ge=0, le=512, description="CPU threads of the worker; 0 leaves one core to the bot."
    )
    deadline_seconds: float = Field(30.0, gt=0, description="How long a request may wait and compute.")
    devices: tuple[str, ...] = Field(
        ("auto",),
        min_length=1,
        description="What models run on: auto (every GPU, else the processor), cpu, cuda, cuda:1 …; "
        "each device gets a process of its own.",
    )
    memory_mb: int = Field(
        0, ge=0, description="Memory for loaded models; the least recently used leave first. 0 for no limit."
    )
    idle_minutes: float = Field(
        0.0, ge=0, description="Minutes after which a model that nobody asks leaves memory; 0 for never."
    )
    community_share: float = Field(
        0.5, gt=0, le=1, description="The part of the queue that one community's requests may fill."
    )
    skill_share: float = Field(
        0.8, gt=0, le=1, description="The part of the queue that one skill's requests may fill."
    )
    shadow_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="The share of texts that a shadow is asked beside the live model: see 'parley models'.",
    )
    addresses: tuple[str, ...] = Field(
        (),
        description="Workers on other machines, started there by 'parley worker': tcp:HOST:PORT, "
        "or on a Ray cluster: http://HOST:PORT. They are asked instead of one here.",
    )
    key: SecretStr = Field(
        SecretStr(""),
        description="The key of workers on other machines. It belongs into PARLEY_WORKER__KEY or key_file.",
    )
    key_file: Path | None = Field(None, description="A file holding the key, readable by you alone.")


class ModelSettings(Section):
    """The model of one role, such as [models.sentiment]; without a table the built-in one serves."""

    folder: Path | None = Field(
        None, description="Folder of a transformers checkpoint: safetensors, config.json and tokenizer."
    )
    adapter: Path | None = Field(None, description="Folder of a LoRA adapter for the model in `folder`.")
    task: Literal[
        "",
        "classification",
        "embedding",
        "extraction",
        "generation",
        "reranking",
        "summarization",
        "translation",
    ] = Field("", description="What the model does, for a role of your own; parley knows its own roles.")
    engine: Literal["auto", "torch", "onnx", "endpoint"] = Field(
        "auto",
        description="What computes it. auto: onnxruntime with 8-bit numbers for encoders on the processor "
        "where they agree with the original, torch for everything else.",
    )
    sha256: str = Field(
        "", pattern=r"^$|^[0-9a-f]{64}$", description="Hash of model.safetensors; another file is refused."
    )
    max_tokens: int = Field(0, ge=0, description="Longest text read, in tokens; 0 for the model's own limit.")
    model: str = Field(
        "", description="With engine = endpoint: the model's name there, where it is not endpoint.model."
    )
    labels: tuple[str, ...] = Field(
        (), description="With engine = endpoint: the labels that a role of your own tells apart."
    )


class EndpointSettings(Section):
    """A server of big models that speaks the OpenAI protocol: vLLM, Ollama, llama.cpp."""

    url: str = Field(
        "",
        pattern=r"^$|^https?://[^\s@/?#]+(/[^\s@?#]*)?$",
        description="Its address with the version, such as http://127.0.0.1:11434/v1. Empty: no big models, "
        "and nothing is contacted. What people write is sent there.",
    )
    model: str = Field("", description="The model to ask for, by the name the server knows it by.")
    key: SecretStr = Field(
        SecretStr(""),
        description="The key, where the server wants one. It belongs into PARLEY_ENDPOINT__KEY or key_file.",
    )
    key_file: Path | None = Field(None, description="A file holding the key, readable by you alone.")
    max_tokens: int = Field(1024, ge=1, le=131_072, description="Longest answer, in tokens.")
    concurrency: int = Field(
        4, ge=1, le=1024, description="Requests sent at the same time; the others wait, urgent ones first."
    )
    seconds: float = Field(
        120.0, gt=0, le=3600, description="How long a request may wait and be answered, in seconds."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.url and not self.model:
            raise ValueError("endpoint.url needs endpoint.model: the name of a model that server has")
        return self


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
