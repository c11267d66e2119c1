"""Who answers whom: which questions stay open, and which proposals were agreed to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bot import question_stems
from plugins.summarization.forms import (
    answers,
    asks,
    asks_in_full,
    assents,
    decides,
    knows_not,
    proposes,
    thanks,
)
from plugins.summarization.topics import FILLERS, content
from plugins.summarization.turns import Sentence, Turn

NEAR = 8
"""So many turns after a question may hold its answer, where none replies to it by name."""

AGREEING = 3
"""So many turns after a proposal may hold the agreement."""


class Exchange:
    """The turns of a talk and their sentences, seen as questions and answers, proposals and agreement."""

    def __init__(self, turns: Sequence[Turn], sentences: Sequence[Sentence]) -> None:
        self._turns = turns
        self._sentences = sentences
        self._said: defaultdict[int, list[str]] = defaultdict(list)
        for each in sentences:
            self._said[each.turn].append(each.text)
        self._replies: defaultdict[str, list[int]] = defaultdict(list)
        for number, turn in enumerate(turns):
            if turn.reply_to:
                self._replies[turn.reply_to].append(number)

    def decisions(self) -> list[int]:
        """The places of sentences that state a decision, or propose what somebody else then agreed to."""
        return [
            place
            for place, each in enumerate(self._sentences)
            if decides(each.text) or (proposes(each.text) and self._is_agreed(each.turn))
        ]

    def open_questions(self) -> list[int]:
        """The places of questions that nobody answered, in order; of one asked again, the first."""
        asked: defaultdict[frozenset[str], list[int]] = defaultdict(list)
        for place, each in enumerate(self._sentences):
            if asks_in_full(each.text) and content(each.text):
                asked[frozenset(question_stems(each.text))].append(place)
        return [
            places[0]
            for places in asked.values()
            if not any(self._is_answered(self._sentences[place]) for place in places)
        ]

    def _is_agreed(self, number: int) -> bool:
        later = self._turns[number + 1 : number + 1 + AGREEING]
        others = [turn for turn in later if turn.speaker != self._turns[number].speaker]
        return bool(others) and assents(others[0].text)

    def _is_answered(self, question: Sentence) -> bool:
        asked = self._turns[question.turn]
        if asked.key and any(self._says_something(number) for number in self._replies[asked.key]):
            return True
        about = set(question_stems(question.text)) - FILLERS
        somebody_spoke = False
        for number in range(question.turn + 1, min(question.turn + 1 + NEAR, len(self._turns))):
            turn = self._turns[number]
            if turn.speaker != asked.speaker:
                somebody_spoke = True
                if self._answers(number, about, at_once=number == question.turn + 1):
                    return True
            elif somebody_spoke and thanks(turn.text):
                return True
        return False

    def _answers(self, number: int, about: set[str], *, at_once: bool) -> bool:
        """Whether a turn may answer a question about these words."""
        turn = self._turns[number]
        if turn.by_bot or not self._says_something(number):
            return False  # the bot replies by name
        if about & set(content(turn.text)):
            return True
        return at_once and (answers(turn.text) or self._is_between_two(number))

    def _is_between_two(self, number: int) -> bool:
        """Whether two people talk to each other around a turn."""
        around = self._turns[max(0, number - 3) : number + 3]
        return len({turn.speaker for turn in around}) == 2

    def _says_something(self, number: int) -> bool:
        """Whether a turn is more than a question back or the word that its author does not know."""
        if knows_not(self._turns[number].text):
            return False
        said = self._said[number]
        return not said or any(not asks(each) for each in said)
