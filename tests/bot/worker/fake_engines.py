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
