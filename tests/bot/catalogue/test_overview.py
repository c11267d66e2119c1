"""What serves each role, for a person."""

from bot.assembly import worker_options
from bot.catalogue.agreement import Agreement, Agreements
from bot.catalogue.overview import overview
from bot.settings import Settings
from bot.worker import catalogue


def rows_of(registry, **fields):
    settings = Settings(data_dir=registry.folder.parent, **fields)
    at_endpoint = {"chat"} if settings.endpoint.url else ()
    rows = overview(registry, settings, worker_options(settings), at_endpoint=at_endpoint)
    return {(row.role, row.name): row for row in rows}


def serving(rows):
    return {role: (row.name, row.origin) for (role, _), row in rows.items() if row.serves}


def test_built_in_models_say_where_they_are_from(registry):
    rows = rows_of(registry)
    row = rows["sentiment", "parley-sentiment"]
    assert (row.origin, row.serves, row.task) == ("built-in", True, "classification")
    assert row.licence
    assert row.sha256 == catalogue.published_sha256(catalogue.WEIGHTS / "sentiment")
    assert row.bytes > 1_000_000
    assert not rows["chat", "-"].serves


def test_versions_stand_below_what_serves(registry, added):
    added("a", licence="MIT", languages=["en"])
    added("b")
    registry.change(lambda register: register.with_live("a").with_shadow("b"))
    Agreements(registry.folder).add({"b": Agreement("a").with_pairs([("x", "x"), ("x", "y")])})
    rows = rows_of(registry)
    assert serving(rows)["sentiment"] == ("a", "catalogue")
    assert (rows["sentiment", "a"].state, rows["sentiment", "a"].licence) == ("live", "MIT")
    assert rows["sentiment", "b"].shown()["agreement"]["share"] == 0.5
    assert [name for role, name in rows if role == "sentiment"] == ["a", "b"]


def test_settings_and_endpoint_go_before_the_catalogue(registry, added, checkpoint):
    added("a")
    registry.change(lambda register: register.with_live("a"))
    rows = rows_of(
        registry,
        models={"sentiment": {"folder": checkpoint("mine")}},
        endpoint={"url": "http://127.0.0.1:1/v1", "model": "big"},
    )
    assert serving(rows)["sentiment"] == ("mine", "settings")
    assert serving(rows)["chat"] == ("big", "endpoint")
    assert (rows["sentiment", "a"].serves, rows["sentiment", "a"].state) == (False, "live")
    assert len(rows["sentiment", "mine"].sha256) == 64


def test_roles_of_an_operators_own_are_there_too(registry, added):
    added("spam-1", role="spam", task="classification")
    rows = rows_of(registry)
    assert rows["spam", "-"].origin == "nothing"
    assert rows["spam", "spam-1"].state == "candidate"
