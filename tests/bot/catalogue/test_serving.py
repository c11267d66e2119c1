"""Who serves a role: settings first, then the live version."""

from pathlib import Path

from bot.assembly import endpoint_roles, worker_options
from bot.catalogue.serving import choices, live_in, shadows_of
from bot.catalogue.shadowing import Shadow
from bot.settings import Settings
from bot.worker.options import ModelChoice, is_shadow, shadow_role


def chosen(registry, own=None, **elsewhere):
    return choices(own or {}, registry.read(), registry.folder, **elsewhere)


def test_the_live_version_serves_where_the_settings_name_no_model(registry, added):
    version = added("a")
    assert chosen(registry) == {}
    registry.change(lambda register: register.with_live("a"))
    found = chosen(registry)["sentiment"]
    assert (found.folder, found.sha256) == (registry.folder.absolute() / "sentiment" / "a", version.weights)
    assert found.task == "classification"
    quick = chosen(registry, {"sentiment": ModelChoice(engine="torch", max_tokens=9)})["sentiment"]
    assert (quick.folder, quick.engine, quick.max_tokens) == (found.folder, "torch", 9)
    for own in (
        ModelChoice(Path("own")),
        ModelChoice(engine="module:Class"),
        ModelChoice(adapter=Path("own")),
    ):
        assert chosen(registry, {"sentiment": own})["sentiment"] == own
    assert chosen(registry, elsewhere=["sentiment"]) == {}


def test_a_shadow_is_a_role_of_its_own(registry, added):
    added("a")
    registry.change(lambda register: register.with_shadow("a"))
    assert chosen(registry).keys() == {"sentiment.shadow"}
    assert is_shadow(shadow_role("sentiment"))
    assert shadows_of(registry.read(), Settings()) == {"sentiment": Shadow("a", "built-in")}


def test_a_shadow_is_held_against_what_serves(registry, added):
    added("a")
    added("b")
    registry.change(lambda register: register.with_live("a").with_shadow("b"))
    register = registry.read()
    assert live_in("sentiment", register, Settings()) == "a"
    own = Settings(models={"sentiment": {"folder": "/there/mine"}})
    assert live_in("sentiment", register, own) == "mine"
    big = Settings(
        models={"sentiment": {"engine": "endpoint", "labels": ["x", "y"]}},
        endpoint={"url": "http://127.0.0.1:1/v1", "model": "big"},
    )
    assert live_in("sentiment", register, big) == "big"


def test_the_worker_is_told_and_its_roles_say_so(registry, added):
    added("a")
    added("spam-1", role="spam", task="classification")
    registry.change(lambda register: register.with_live("a").with_live("spam-1"))
    settings = Settings(data_dir=registry.folder.parent)
    told = worker_options(settings).models
    assert told["sentiment"].folder.name == "a"
    assert told["spam"].task == "classification"
    own = settings.model_copy(
        update={"models": Settings(models={"sentiment": {"folder": "/there/mine"}}).models}
    )
    assert worker_options(own).models["sentiment"].folder == Path("/there/mine")


def test_a_live_translator_goes_before_an_endpoint_that_was_not_asked_to_translate(
    registry, added, checkpoint
):
    from bot.catalogue.adding import Addition, add

    add(registry, Addition("translation", str(checkpoint("t", architecture="MarianMTModel")), "t-1"))
    settings = Settings(
        data_dir=registry.folder.parent, endpoint={"url": "http://127.0.0.1:1/v1", "model": "big"}
    )
    assert endpoint_roles(settings) == {"chat", "translation"}
    registry.change(lambda register: register.with_live("t-1"))
    assert endpoint_roles(settings) == {"chat"}
