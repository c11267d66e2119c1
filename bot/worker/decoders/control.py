"""Keep what people write from being read as a model's control tokens, such as the end of a turn."""

from __future__ import annotations

import re
from typing import Any

SHAPE = re.compile(r"<\|.*\|>|<[^<>\s]+>|>>[^<>\s]+<<|\[[A-Z_/]+\]|__[a-z_]+__")


class Control:
    """The control tokens of a tokenizer: its special ones, and added ones that look like marks."""

    def __init__(self, tokenizer: Any) -> None:
        added = tokenizer.added_tokens_decoder.values()
        tokens = {str(token.content) for token in added if token.special or SHAPE.fullmatch(token.content)}
        longest_first = sorted(tokens | set(tokenizer.all_special_tokens), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def harmless(self, text: str) -> str:
        """The same text, each control token in it broken by a space."""
        return self._pattern.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
