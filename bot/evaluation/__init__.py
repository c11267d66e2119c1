"""Measure quality on labelled files: answers, retrieval, speech recognition, summaries."""

from bot.evaluation.classification import ClassificationFigures, judge, measure_labels
from bot.evaluation.questions import (
    NoFiles,
    NoHistory,
    QuestionFigures,
    ReaderFigures,
    evaluate_questions,
    evaluate_reader,
    message_of,
    overlap,
    same,
)
from bot.evaluation.retrieval import RetrievalFigures, evaluate_retrieval
from bot.evaluation.rows import read_rows
from bot.evaluation.speech import SpeechFigures, evaluate_speech
from bot.evaluation.summaries import SummaryFigures, evaluate_summaries
from bot.evaluation.translations import TranslationFigures, evaluate_translations

__all__ = [
    "ClassificationFigures",
    "NoFiles",
    "NoHistory",
    "QuestionFigures",
    "ReaderFigures",
    "RetrievalFigures",
    "SpeechFigures",
    "SummaryFigures",
    "TranslationFigures",
    "evaluate_questions",
    "evaluate_reader",
    "evaluate_retrieval",
    "evaluate_speech",
    "evaluate_summaries",
    "evaluate_translations",
    "judge",
    "measure_labels",
    "message_of",
    "overlap",
    "read_rows",
    "same",
]
