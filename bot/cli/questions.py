"""Ask in a terminal, or take the answers from a pipe, one per line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from bot.cli.credentials import Credential

Answer = TypeVar("Answer")


class Questions:
    """Questions with defaults. An empty answer takes the default, and so does the end of a pipe.

    `silent` asks nothing. What cannot be taken is asked again in a terminal; in a pipe it raises
    BadInput, so that no later answer goes to the wrong question.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent
        self._terminal = sys.stdin.isatty()

    def confirm(self, question: str, *, default: bool) -> bool:
        """Yes or no."""
        answers = {"y": True, "yes": True, "n": False, "no": False}
        hint = "Y/n" if default else "y/N"

        def take(text: str) -> bool:
            if text.lower() not in answers:
                raise ValueError("Answer y or n.")
            return answers[text.lower()]

        return self._ask(f"{question} [{hint}]", default, take)

    def choose(self, question: str, options: Sequence[str], *, default: str) -> str:
        """One of the options."""

        def take(text: str) -> str:
            if text.lower() not in options:
                raise ValueError(f"Answer one of {', '.join(options)}.")
            return text.lower()

        return self._ask(f"{question} ({', '.join(options)}) [{default}]", default, take)

    def address(self, question: str) -> str:
        """An https address."""

        def take(text: str) -> str:
            if not is_https(text):
                raise ValueError("Give an address such as https://bot.example.org")
            return text

        return self._ask(question, "", take)

    def secret(self, credential: Credential, *, known: bool) -> str:
        """A secret of the right shape, typed or pasted without being shown; empty for later."""
        empty = "Enter keeps the one there is" if known else "Enter for later"

        def take(text: str) -> str:
            if fault := credential.fault(text):
                raise ValueError(fault)
            return text

        question = f"Paste {credential.label}; it is not shown ({empty})"
        return self._ask(question, "", take, hidden=True)

    def _ask(
        self, question: str, default: Answer, take: Callable[[str], Answer], *, hidden: bool = False
    ) -> Answer:
        from bot.errors import BadInput

        while not self._silent:
            text = self._read(question, hidden=hidden)
            if not text:
                break
            try:
                return take(text)
            except ValueError as error:
                if not self._terminal:
                    raise BadInput(f"{question}: {error}") from None
                typer.echo(str(error))
        return default

    def _read(self, question: str, *, hidden: bool) -> str:
        if self._terminal:
            answer = typer.prompt(
                question, default="", show_default=False, hide_input=hidden, prompt_suffix=": "
            )
            return str(answer).strip()
        typer.echo(f"{question}:")
        return sys.stdin.readline().strip()


def is_https(address: str) -> bool:
    """Whether this is an https address with a host name."""
    scheme, _, rest = address.partition("://")
    host = rest.partition("/")[0]
    return scheme == "https" and "." in host and not any(each.isspace() for each in address)
