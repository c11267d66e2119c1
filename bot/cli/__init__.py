"""The command line. Each command imports what it needs when it runs, so that `--help` stays quick."""

from __future__ import annotations

import logging
import sys
from typing import Any

import typer

from bot.cli import (
    audit,
    augment,
    bench,
    chat,
    compare,
    compress,
    config,
    db,
    doctor,
    evaluate,
    explain,
    federate,
    history,
    init,
    knowledge,
    lab,
    models,
    plugins,
    predict,
    run,
    train,
    worker,
)

log = logging.getLogger(__name__)

EXTRAS = {
    "prompt_toolkit": "terminal",
    "psycopg": "postgres",
    "starlette": "web",
    "uvicorn": "web",
    "jinja2": "web",
    "itsdangerous": "web",
    "markdown_it": "web",
    "nh3": "web",
    "lxml": "documents",
    "discord": "discord",
    "slack_bolt": "slack",
    "slack_sdk": "slack",
    "aiohttp": "endpoint",
    "av": "speech",
    "prometheus_client": "metrics",
    "captum": "training",
    "opacus": "training",
    "peft": "training",
    "torch": "models",
    "transformers": "models",
    "tokenizers": "training",
}

app = typer.Typer(
    name="parley",
    help="A self-hosted, private assistant for the places where teams and communities talk.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("init")(init.init)
app.command("doctor")(doctor.doctor)
app.command("run")(run.run)
app.command("chat")(chat.chat)
app.command("worker")(worker.worker)
app.add_typer(knowledge.app, name="knowledge")
app.add_typer(history.app, name="history")
app.command("train")(train.train)
app.command("augment")(augment.augment)
app.command("compress")(compress.compress)
app.command("federate")(federate.federate)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(models.app, name="models")
app.command("compare")(compare.compare)
app.command("predict")(predict.predict)
app.command("explain")(explain.explain)
app.command("audit")(audit.audit)
app.add_typer(lab.app, name="lab")
app.command("plugins")(plugins.plugins)
app.add_typer(config.app, name="config")
app.add_typer(db.app, name="db")
app.add_typer(bench.app, name="bench")


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Show the version and exit.", is_eager=True),
) -> None:
    if show:
        from importlib.metadata import version as installed

        print(f"parley {installed('parley')}")
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 bad input, 3 damaged database, 1 anything else."""
    sys.exit(_status(arguments))


def _status(arguments: list[str] | None) -> int:
    try:
        outcome: Any = app(args=arguments, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 - the last wall: a person never sees a traceback
        return _complain(error)
    return outcome if isinstance(outcome, int) else 0


def _complain(error: Exception) -> int:
    """Say what went wrong in one line per problem, and return the exit code it deserves."""
    exit_code = getattr(error, "exit_code", None)
    if isinstance(exit_code, int):
        message = getattr(error, "format_message", lambda: str(error))()
        print(f"parley: {message}", file=sys.stderr)
        return exit_code
    if isinstance(error, ModuleNotFoundError) and (extra := EXTRAS.get(str(error.name).partition(".")[0])):
        print(f"parley: this needs {error.name}: install parley[{extra}].", file=sys.stderr)
        return 2
    log.debug("unexpected failure", exc_info=error)
    hint = "Set PARLEY_LOG__LEVEL=debug to see where."
    print(f"parley: this should not have happened: {type(error).__name__}: {error}. {hint}", file=sys.stderr)
    return 1
