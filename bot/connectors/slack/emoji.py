"""Slack's names of emoji, for those people react with most."""

from __future__ import annotations

import re

EMOJI = {
    "+1": "👍",
    "thumbsup": "👍",
    "-1": "👎",
    "thumbsdown": "👎",
    "heart": "❤️",
    "eyes": "👀",
    "white_check_mark": "✅",
    "heavy_check_mark": "✔️",
    "x": "❌",
    "tada": "🎉",
    "fire": "🔥",
    "rocket": "🚀",
    "pray": "🙏",
    "clap": "👏",
    "joy": "😂",
    "smile": "😄",
    "slightly_smiling_face": "🙂",
    "thinking_face": "🤔",
    "cry": "😢",
    "sob": "😭",
    "rage": "😡",
    "open_mouth": "😮",
    "raised_hands": "🙌",
    "wave": "👋",
    "ok_hand": "👌",
    "100": "💯",
    "question": "❓",
    "exclamation": "❗",
    "warning": "⚠️",
    "bug": "🐛",
    "bulb": "💡",
    "memo": "📝",
    "hourglass": "⌛",
    "gb": "🇬🇧",
    "uk": "🇬🇧",
    "us": "🇺🇸",
    "de": "🇩🇪",
    "fr": "🇫🇷",
    "es": "🇪🇸",
    "it": "🇮🇹",
    "ru": "🇷🇺",
    "jp": "🇯🇵",
    "cn": "🇨🇳",
    "kr": "🇰🇷",
}
FLAG = re.compile(r"flag-([a-z]{2})")
SKIN = re.compile(r"::skin-tone-[2-6]$")
REGIONAL_A = 0x1F1E6


def emoji(name: str) -> str:
    """The character that a name stands for; `:name:` for those unknown here, and without the skin's tone."""
    name = SKIN.sub("", name)
    if flag := FLAG.fullmatch(name):
        return "".join(chr(REGIONAL_A + ord(letter) - ord("a")) for letter in flag[1])
    return EMOJI.get(name, f":{name}:")
