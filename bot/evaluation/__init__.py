"""Measure quality on labelled files: answers, retrieval, speech recognition, summaries."""

from bot.evaluation.questions import (
    NoFiles,
    NoHistory,
    QuestionFigures,
    evaluate_questions,
    message_of,
    overlap,
    same,
)
from bot.evaluation.retrieval import RetrievalFigures, evaluate_retrieval
from bot.evaluation.rows import read_rows
from bot.evaluation.speech import SpeechFigures, evaluate_speech
from bot.evaluation.summaries import SummaryFigures, evaluate_summaries

__all__ = [
    "NoFiles",
    "NoHistory",
    "QuestionFigures",
    "RetrievalFigures",
    "SpeechFigures",
    "SummaryFigures",
    "evaluate_questions",
    "evaluate_retrieval",
    "evaluate_speech",
    "evaluate_summaries",
    "message_of",
    "overlap",
    "read_rows",
    "same",
]
