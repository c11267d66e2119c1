"""Read and compute texts so that a bad one fails alone: what fails together is tried again apart."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeAlias

from bot.errors import ParleyError, Uncomputable
from bot.worker.server.forms import Form
from bot.worker.server.role import Ask

Compute: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]


def compute_apart(
    compute: Compute, batch: Sequence[Any], *, check: Callable[[Any], Any], on_full: Callable[[], None]
) -> list[Any]:
    """What `check` makes of the result of each member, or the error that it alone causes.

    `on_full` is told when the device had no room for a batch.
    """
    try:
        results = compute(batch)
        if len(results) != len(batch):
            raise ValueError("the engine did not return one result per text")
    except MemoryError:
        on_full()
        reason = "The device has no memory left for this text."
    except ParleyError as error:
        if len(batch) == 1:
            return [error]
        reason = ""
    except Exception as error:  # noqa: BLE001 - a wall: an engine may raise anything
        reason = f"The engine failed on this text ({type(error).__name__})."
    else:
        return [checked(each, check) for each in results]
    if len(batch) == 1:
        return [Uncomputable(reason)]
    half = len(batch) // 2
    return [
        result
        for part in (batch[:half], batch[half:])
        for result in compute_apart(compute, part, check=check, on_full=on_full)
    ]


def checked(result: Any, check: Callable[[Any], Any]) -> Any:
    """The result as a value, or an error when it is garbage, such as numbers that are not finite."""
    try:
        return check(result)
    except (ValueError, TypeError) as error:
        return Uncomputable(f"The engine's answer for this text cannot be used: {error}.")


def read_apart(engine: Any, form: Form, asks: Mapping[int, Ask]) -> dict[int, Any]:
    """The group and the tokens of each request, or the error that it alone causes."""
    inputs = {number: form.inputs(ask) for number, ask in asks.items()}
    together = [each for inputs_of_one in inputs.values() for each in inputs_of_one]
    try:
        tokens = engine.tokenize(together)
        if len(tokens) != len(together):
            raise ValueError("the engine did not return the tokens of each text")
        groups = [group_of(engine, ask) for ask in asks.values()]
    except Exception as error:  # noqa: BLE001 - a wall: an engine may raise anything
        if len(asks) == 1:
            return dict.fromkeys(asks, reading_error(error))
        alone = [read_apart(engine, form, {number: ask}) for number, ask in asks.items()]
        return {number: found for each in alone for number, found in each.items()}
    rest = iter(tokens)
    return {
        number: (group, [next(rest) for _ in each])
        for (number, each), group in zip(inputs.items(), groups, strict=True)
    }


def group_of(engine: Any, ask: Ask) -> Hashable:
    """Which texts may be computed together with these, where the engine makes a difference."""
    return engine.choose(ask.choices) if hasattr(engine, "choose") else None


def reading_error(error: Exception) -> ParleyError:
    """Why a text has no tokens."""
    if isinstance(error, ParleyError):
        return error
    return Uncomputable(f"The tokenizer failed on this text ({type(error).__name__}).")
