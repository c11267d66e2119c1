"""`parley predict`: what a model makes of a text."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli.classifying import Model, Task, open_classifier
from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, print_table, read_settings

MOST_WORDS = 5


def predict(
    task: Task,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text to be judged.")],
    model: Model = "",
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Say which label a text gets, how likely each is, and which words decided."""
    from bot.training.measures.explanation import explain

    classifier = open_classifier(task, model, read_settings(config, data_dir))
    explanation = explain(classifier, text)
    labels = explanation.labels
    deciding = sorted(explanation.words, key=lambda word: -word.score)[:MOST_WORDS]
    words = [(text[word.start : word.end], round(word.score, 4)) for word in deciding if word.score > 0]
    if json:
        print_json(
            {
                "label": labels.label,
                "probability": round(labels.probability, 4),
                "probabilities": {name: round(value, 4) for name, value in labels.probabilities},
                "words": [{"word": word, "score": score} for word, score in words],
            }
        )
        return
    print_table(
        ["label", "probability"],
        [[name, f"{value:.3f}"] for name, value in labels.probabilities[:MOST_WORDS]],
    )
    print(f"\ndecided by: {', '.join(f'{word} ({score:.2f})' for word, score in words)}")
