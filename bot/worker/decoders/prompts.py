"""Put the turns of a conversation into the words a chat model was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.errors import BadInput, BadModel, TooLarge
from bot.worker.decoders.control import Control
from bot.worker.loading import first_line

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"
NAMES = {"person": USER, "bot": ASSISTANT}
# What a model without a template writes when it goes on with the other side's turn.
NEXT_TURN = f"\n{USER}:"
CUT = " … "

Turn = tuple[str, str]


class Prompts:
    """Makes prompts of at most `most_tokens`: older turns are left out, then the middle of the last one.

    System turns at the beginning stay. The tokenizer's own chat template is used; without one, each
    turn is a line "role: text".
    """

    def __init__(self, tokenizer: Any, most_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._control = Control(tokenizer)
        self._most_tokens = most_tokens
        self.stop = "" if tokenizer.chat_template else NEXT_TURN
        self._try_template()

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """The tokens of a conversation, a person's turn last. Raises BadInput, TooLarge."""
        if not turns:
            raise BadInput("A conversation needs at least one turn.")
        named = [(NAMES.get(role, role), self._control.harmless(text)) for role, text in turns]
        system = [turn for turn in named if turn[0] == SYSTEM]
        others = [turn for turn in named if turn[0] != SYSTEM] or [(USER, "")]
        dropped = self._fewest_dropped(system, others)
        if dropped < len(others):
            return self._tokens(system + others[dropped:])
        return self._shortened(system, others[-1])

    def _fewest_dropped(self, system: list[Turn], others: list[Turn]) -> int:
        """How many of the oldest turns must go; all of them when not even the last one fits."""
        low, high = 0, len(others)
        while low < high:
            middle = (low + high) // 2
            fits = len(self._tokens(system + others[middle:])) <= self._most_tokens
            low, high = (low, middle) if fits else (middle + 1, high)
        return low

    def _shortened(self, system: list[Turn], turn: Turn) -> list[int]:
        """The last turn alone, its middle left out: what is asked stands at its beginning or its end."""
        role, text = turn
        words = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        room = self._most_tokens - len(self._tokens([*system, (role, CUT)]))
        while room > 1:
            half = room // 2
            start, end = self._tokenizer.decode(words[:half]), self._tokenizer.decode(words[-half:])
            tokens = self._tokens([*system, (role, start.strip("�") + CUT + end.strip("�"))])
            if len(tokens) <= self._most_tokens:
                return tokens
            room -= max(1, len(tokens) - self._most_tokens)
        raise TooLarge(f"The instructions alone are over the {self._most_tokens} tokens this model takes.")

    def _try_template(self) -> None:
        """Raise BadModel when the template cannot be used at all."""
        try:
            self.prompt([(USER, "?")])
        except BadInput as error:
            raise BadModel(str(error)) from None

    def _tokens(self, turns: list[Turn]) -> list[int]:
        if not self._tokenizer.chat_template:
            return self._plain(turns)
        try:
            return self._templated(turns)
        except Exception:  # noqa: BLE001 - a wall: a template may raise anything
            # Some templates know no system turn, others no two turns of the same side in a row.
            return self._strictly_templated(turns)

    def _templated(self, turns: list[Turn]) -> list[int]:
        messages = [{"role": role, "content": text} for role, text in turns]
        tokens: list[int] = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=False
        )
        return tokens

    def _strictly_templated(self, turns: list[Turn]) -> list[int]:
        try:
            return self._templated(alternating(turns))
        except Exception as error:  # noqa: BLE001 - a wall, as above
            raise BadInput(f"The model's chat template fails on this: {first_line(error)}") from None

    def _plain(self, turns: list[Turn]) -> list[int]:
        lines = [f"{role}: {text}" for role, text in turns]
        tokens: list[int] = self._tokenizer("\n".join([*lines, f"{ASSISTANT}:"]))["input_ids"]
        ends = len(tokens) > 1 and tokens[-1] == self._tokenizer.eos_token_id
        return tokens[:-1] if ends else tokens


def alternating(turns: list[Turn]) -> list[Turn]:
    """The same words as turns of a user and the assistant by turns, the user's first."""
    merged: list[Turn] = []
    for role, text in [(USER if role == SYSTEM else role, text) for role, text in turns]:
        if merged and merged[-1][0] == role:
            merged[-1] = (role, f"{merged[-1][1]}\n\n{text}")
        elif merged or role == USER:
            merged.append((role, text))
    return merged
