"""The router chooses in a fixed order and can say why."""

import pytest

from bot import Author, Channel, Context, Message, Word, skill
from bot.errors import UnknownSkill
from bot.message import now
from bot.router import Decision, Reason, Router
from bot.settings import RouterSettings
from bot.testing import FakeModels


@skill
async def ask(context: Context, question: str) -> str:
    """Answer."""
    return question


@skill(name="help", examples=["what can you do", "你能做什么？"])
async def show_help(context: Context, topic: Word = "") -> str:
    """Help."""
    return ""


@skill(examples=["please translate this text"])
async def translate(context: Context, text: str) -> str:
    """Translate."""
    return text


@skill(examples=["roll some dice for me"])
async def roll(context: Context, sides: int) -> str:
    """Roll; its number cannot be guessed from free text."""
    return ""


SKILLS = {each.name: each for each in (ask, show_help, translate, roll)}


def message(text: str, *, direct: bool = True, mention: bool = False) -> Message:
    return Message(
        "k", Channel("test", "room", is_direct=direct), Author("ann"), text, now(), mentions_bot=mention
    )


@pytest.fixture
def models() -> FakeModels:
    return FakeModels()


@pytest.fixture
def router(models: FakeModels) -> Router:
    return Router(RouterSettings(threshold=0.6), models)


@pytest.mark.parametrize(
    ("text", "reason", "chosen", "rest"),
    [
        ("/translate good day", Reason.COMMAND, "translate", "good day"),
        ("/TRANSLATE good day", Reason.COMMAND, "translate", "good day"),
        ("translate good day", Reason.COMMAND, "translate", "good day"),
        ("help", Reason.COMMAND, "help", ""),
        ("what can you do?", Reason.EXAMPLE, "help", ""),
        ("你能做什么", Reason.EXAMPLE, "help", ""),
        (
            "could you please translate this text",
            Reason.EXAMPLE,
            "translate",
            "could you please translate this text",
        ),
        ("roll some dice for me", Reason.FALLBACK, "ask", "roll some dice for me"),
        ("where is the office?", Reason.FALLBACK, "ask", "where is the office?"),
        ("help me reset my password", Reason.FALLBACK, "ask", "help me reset my password"),
        ("/ is a slash", Reason.FALLBACK, "ask", "/ is a slash"),
    ],
)
async def test_routes(router: Router, text: str, reason: Reason, chosen: str, rest: str) -> None:
    route = await router.route(message(text), SKILLS)
    assert route.skill is not None
    assert (route.decision.reason, route.skill.name, route.text) == (reason, chosen, rest)


async def test_unknown_command_suggests_the_nearest(router: Router) -> None:
    with pytest.raises(UnknownSkill, match="Did you mean /translate"):
        await router.route(message("/transalte x"), SKILLS)


async def test_talk_among_people_is_left_alone(router: Router, models: FakeModels) -> None:
    route = await router.route(message("what can you do?", direct=False), SKILLS)
    assert route.decision.reason is Reason.NOT_ADDRESSED
    assert not models.asked
    assert (
        await router.route(message("what can you do?", direct=False, mention=True), SKILLS)
    ).skill is show_help


async def test_thread_keeps_its_skill_but_a_command_may_leave_it(router: Router) -> None:
    route = await router.route(message("and this one", direct=False), SKILLS, begun_with="translate")
    assert (route.decision.reason, route.text) == (Reason.THREAD, "and this one")
    left = await router.route(message("/help", direct=False), SKILLS, begun_with="translate")
    assert left.skill is show_help


async def test_without_models_words_decide(router: Router, models: FakeModels) -> None:
    models.down = True
    assert (await router.route(message("what can you do?"), SKILLS)).skill is show_help
    assert (await router.route(message("where is the office?"), SKILLS)).skill is ask


async def test_without_fallback_nothing_fits(models: FakeModels) -> None:
    router = Router(RouterSettings(threshold=0.99, fallback=""), models)
    route = await router.route(message("where is the office?"), SKILLS)
    assert (route.skill, route.decision.reason) == (None, Reason.NOTHING_FITS)
    assert route.decision.score is not None


async def test_decision_explains_itself_with_its_score(router: Router) -> None:
    decision = (await router.route(message("what can you do?"), SKILLS)).decision
    assert Decision.unpack(decision.pack()) == decision
    assert (
        decision.explain()
        == "The text is like an example of help (closest example: 'what can you do', score 1.00)."
    )


async def test_examples_are_embedded_once(router: Router, models: FakeModels) -> None:
    await router.route(message("one thing"), SKILLS)
    await router.route(message("another thing"), SKILLS)
    assert models.asked[1] == ("another thing",)
