"""Engines for tests, imported by the worker's process. A word is a token; some words misbehave."""

import os
import signal
import time

import numpy as np

WORDS = {"poison": -1, "nan": -2, "die": -3, "hang": -4, "slow": -5, "huge": -6}


class Words:
    """Rows that depend on the text alone, so that mixed-up answers are seen."""

    device = "none"
    dimensions = 4
    budget = 64
    room = 1_000_000

    def __init__(self, entry, threads):
        self.entry = entry

    def tokenize(self, texts):
        if any("untokenizable" in text for text in texts):
            raise ValueError("no tokens")
        return [[WORDS.get(word, sum(word.encode()) % 1000) for word in text.split()] for text in texts]

    def compute(self, batch):
        if len(batch) * max(map(len, batch)) > self.room or any(-6 in tokens for tokens in batch):
            raise MemoryError
        for tokens in batch:
            self.misbehave(tokens)
        return np.array([row_of(tokens) for tokens in batch], dtype=np.float32)

    def misbehave(self, tokens):
        if -1 in tokens:
            raise ValueError("poison")
        if -3 in tokens:
            os.kill(os.getpid(), signal.SIGKILL)
        if -4 in tokens:
            time.sleep(60)
        if -5 in tokens:
            time.sleep(0.3)


class Narrow(Words):
    """Has room for eight padded tokens only."""

    room = 8


class Listener:
    """Hears how loud a window is, in tenths; some loudness misbehaves."""

    name = "listener"
    window_seconds = 1.0

    def __init__(self, entry, threads):
        self.entry = entry

    def hear(self, window):
        from bot.worker.catalogue import Heard

        level = round(float(np.abs(window).max()) * 10)
        if level == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        if level == 8:
            raise ValueError("poison")
        if level == 7:
            raise MemoryError
        if level == 6:
            time.sleep(60)
        if level == 5:
            time.sleep(0.3)
        return Heard(f" {level}", "en")


class Deaf(Listener):
    """Cannot be made."""

    def __init__(self, entry, threads):
        raise ImportError("No module named 'torch'")


class Stillborn(Words):
    """Dies while it is loaded."""

    def __init__(self, entry, threads):
        os.kill(os.getpid(), signal.SIGKILL)


class Needy(Words):
    """Needs a package that is not installed."""

    def __init__(self, entry, threads):
        raise ImportError("No module named 'torch'")


def row_of(tokens):
    if -2 in tokens:
        return [float("nan")] * 4
    values = [len(tokens), sum(tokens), tokens[0] if tokens else 0, 1]
    return np.array(values) / np.linalg.norm(values)


def expected(text):
    """The row the worker must answer for `text`."""
    return np.array(row_of(Words.tokenize(None, [text])[0]), dtype=np.float32)


class Slow(Words):
    """Takes its time to come: half a second."""

    def __init__(self, entry, threads):
        super().__init__(entry, threads)
        time.sleep(0.5)


class Moods:
    """Labels by counting; explains when asked, apart from what is not to be explained."""

    device = "none"
    budget = 64
    memory = 3 * 2**20

    def __init__(self, entry, threads):
        self.entry = entry
        self.groups = []

    def tokenize(self, texts):
        return Words.tokenize(self, texts)

    def choose(self, choices):
        return True if choices.get("explain") else None

    def compute(self, batch, explain=None):
        self.groups.append((explain, len(batch)))
        return [self.judge(tokens, explain) for tokens in batch]

    def judge(self, tokens, explain):
        Words.misbehave(self, tokens)
        if -2 in tokens:
            return [("good", float("nan"))], ()
        share = 1 / (1 + len(tokens))
        return [("bad", 1 - share), ("good", share)], [(0, 1, 0.5)] if explain else ()


class Finder:
    """Finds the question's first word in each passage."""

    device = "none"
    budget = 64

    def __init__(self, entry, threads):
        self.entry = entry

    def tokenize(self, pairs):
        return [Pair(pair) for pair in pairs]

    def compute(self, batch):
        return [self.find(*pair.pair) for pair in batch]

    def find(self, question, passage):
        word = question.split()[0]
        start = passage.find(word)
        return (start, start + len(word), 0.75) if start >= 0 else (0, 0, 0.9)


class Pair:
    def __init__(self, pair):
        self.pair = pair

    def __len__(self):
        return sum(len(text.split()) for text in self.pair)


class Nearest(Finder):
    """Scores a passage by the share of the question's words that it has."""

    def find(self, question, passage):
        words = set(question.split())
        return len(words & set(passage.split())) / len(words)


class Writers:
    """Writes each word backwards, a step for each; says which language. Calls `between` every step."""

    device = "none"
    budget = 64
    pace = 0.0

    def __init__(self, entry, threads):
        self.entry = entry
        self.between = lambda: False
        self.steps = 0

    def tokenize(self, texts):
        return [text.split() for text in texts]

    def choose(self, choices):
        from bot.errors import BadInput

        if choices.get("target") == "tlh":
            raise BadInput("This model does not write Klingon.")
        return choices.get("target") or choices.get("most_words")

    def compute(self, batch, choice):
        for _ in range(max(map(len, batch), default=0)):
            self.steps += 1
            time.sleep(self.pace)
            if self.between():
                return [""] * len(batch)
        return [" ".join([f"<{choice}>", *(word[::-1] for word in words)]) for words in batch]


class Piece:
    """As `bot.worker.decoders.writing.Piece`, which would import torch."""

    def __init__(self, number, text, is_last, is_cut, error):
        self.number, self.text, self.error = number, text, error
        self.is_last, self.is_cut = is_last, is_cut


class Speaker:
    """A decoder that says the words of the last turn again, one a step."""

    device = "none"
    pace = 0.0
    most_answers = 64

    def __init__(self, entry, threads):
        self.entry = entry
        self.rows = {}
        self.cancelled = set()
        self.most = 0
        self.steps = 0

    @property
    def active(self):
        return len(self.rows)

    def prompt(self, turns):
        from bot.errors import BadInput

        _, text = turns[-1]
        if "unpromptable" in text:
            raise BadInput("This cannot be said.")
        return [sum(word.encode()) for word in text.split()] + [len(turns)]

    def add(self, number, prompt, *, most_tokens, temperature=0.0):
        self.rows[number] = list(prompt), most_tokens

    def cancel(self, number):
        self.cancelled.add(number)

    def step(self):
        from bot.errors import Uncomputable

        while self.cancelled:
            self.rows.pop(self.cancelled.pop(), None)
        time.sleep(self.pace)
        self.steps += 1
        self.most = max(self.most, len(self.rows))
        pieces = []
        for number, (words, left) in list(self.rows.items()):
            if sum(b"crash") in words:
                raise ValueError("crash")
            word = words.pop(0)
            is_last = not words or left == 1
            error = Uncomputable("not finite") if word == sum(b"nan") else None
            pieces.append(Piece(number, f"{word} ", is_last or bool(error), left == 1 and bool(words), error))
            self.rows[number] = words, left - 1
            if is_last or error:
                del self.rows[number]
        return pieces
