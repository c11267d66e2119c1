"""What to click on Discord's and Slack's pages, in order."""

from __future__ import annotations

DISCORD_PAGE = "https://discord.com/developers/applications"
SLACK_PAGE = "https://api.slack.com/apps"


def numbered(steps: list[str]) -> str:
    """The steps, one to a line."""
    return "\n".join(f"  {number}. {step}" for number, step in enumerate(steps, start=1))


def discord_application(*, message_content: bool) -> list[str]:
    """From nothing to a bot's token."""
    intent = "Under Privileged Gateway Intents switch on Message Content Intent, then Save Changes."
    return [
        f"Open {DISCORD_PAGE}, choose New Application, name it, choose Create.",
        "Choose Bot on the left.",
        *([intent] if message_content else []),
        "Choose Reset Token, then Copy: that is the bot's token.",
    ]


def slack_app(*, socket_mode: bool) -> list[str]:
    """From a manifest to the tokens."""
    for_sockets = (
        "Basic Information, App-Level Tokens: choose Generate Token and Scopes, name it, Add Scope "
        "connections:write, Generate, Copy: that is the app-level token (xapp-…)."
    )
    for_http = "Basic Information, App Credentials, Signing Secret: choose Show and copy it."
    return [
        f"Open {SLACK_PAGE}, choose Create New App, From a manifest, and your workspace.",
        "Choose JSON, put the manifest above in place of what is there, choose Next, then Create.",
        "Install App on the left: choose Install to Workspace, then Allow.",
        "OAuth & Permissions, Bot User OAuth Token: choose Copy (xoxb-…).",
        for_sockets if socket_mode else for_http,
    ]
