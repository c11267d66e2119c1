"""The secrets people copy from Discord and Slack: what each looks like, and what it is taken for."""

from __future__ import annotations

import base64
import binascii
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = "secrets"


@dataclass(frozen=True, slots=True)
class Credential:
    """One secret: the file it is kept in, and the setting that names that file."""

    label: str
    section: str
    setting: str
    file: str
    pattern: str
    shape: str

    def fault(self, text: str) -> str:
        """What is wrong with what was pasted, without showing it; empty when its shape is right."""
        if re.fullmatch(self.pattern, text):
            return ""
        mistaken = next((name for pattern, name in MISTAKEN if re.fullmatch(pattern, text)), "")
        return f"This is {mistaken or 'something else'}: {self.label} {self.shape}."


DISCORD_TOKEN = Credential(
    "the Discord bot's token",
    "discord",
    "token_file",
    "discord-token",
    r"[\w-]{23,30}\.[\w-]{5,8}\.[\w-]{27,50}",
    "is three parts with dots between, about 70 characters long",
)
SLACK_BOT_TOKEN = Credential(
    "the Bot User OAuth Token",
    "slack",
    "bot_token_file",
    "slack-bot-token",
    r"xoxb-[\w-]{20,}",
    "begins with xoxb-",
)
SLACK_APP_TOKEN = Credential(
    "the app-level token",
    "slack",
    "app_token_file",
    "slack-app-token",
    r"xapp-\d-[\w-]{20,}",
    "begins with xapp-",
)
SLACK_SIGNING_SECRET = Credential(
    "the signing secret",
    "slack",
    "signing_secret_file",
    "slack-signing-secret",
    r"[0-9a-f]{32}",
    "is 32 characters of 0-9 and a-f",
)
ALL = (DISCORD_TOKEN, SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_SIGNING_SECRET)

MISTAKEN = (
    (DISCORD_TOKEN.pattern, "a Discord bot token"),
    (r"xoxb-.*", "a Slack bot token"),
    (r"xoxp-.*", "a Slack user token"),
    (r"xox[a-z.].*", "another token of Slack's"),
    (r"xapp-.*", "a Slack app-level token"),
    (r"\d{17,20}", "an application id"),
    (r"\d+\.\d+", "a Slack client id"),
    (r"[0-9a-f]{64}", "a Discord public key"),
    (r"[0-9a-f]{32}", "a Slack signing or client secret"),
    (r"[\w-]{32}", "a Discord client secret"),
)


def application_id(discord_token: str) -> int | None:
    """The application's id, which is the first part of its bot's token; None when it is none."""
    first = discord_token.partition(".")[0]
    try:
        decoded = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return int(decoded) if decoded.isdigit() else None


def write_secret(file: Path, text: str) -> None:
    """Keep a secret in a file its owner alone can read; one that was there before is replaced."""
    file.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)  # mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as written:
        written.write(text + "\n")
    Path(name).replace(file)
