"""Answer questions from the documents people added, with the sources, or say that they do not tell."""

from collections.abc import Callable

from pydantic import Field

from bot import Context, PluginSettings, Reply, Skill, hookimpl, skill
from plugins.qa.evidence import gather
from plugins.qa.reading import read
from plugins.qa.support import support
from plugins.qa.wording import answer, empty, unknown


class QuestionSettings(PluginSettings):
    """How questions are answered."""

    passages: int = Field(5, ge=1, le=20, description="Passages looked through for the answer.")
    sentences: int = Field(
        3, ge=1, le=5, description="Most sentences quoted in an answer, beside the reader's."
    )
    threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="How probable it must be that the documents hold the answer; below it the bot says it "
        "does not know. Lower answers more, higher errs less.",
    )


@skill(
    examples=(
        "what do the documents say about this?",
        "where is that written?",
        "look it up in the documents",
        "资料里是怎么说的？",
        "文档里写了什么",
    )
)
async def ask(context: Context, question: str) -> Reply:
    """Answer a question from the documents, quoting the sentences that support it with their sources."""
    settings = context.settings(QuestionSettings)
    evidence = await gather(context, question, passages=settings.passages)
    if not evidence.passages and await context.knowledge.is_empty():
        return Reply(empty(question))
    if not evidence.sentences or support(evidence) < settings.threshold:
        return Reply(unknown(question))
    quoted = evidence.best(settings.sentences)
    return answer(quoted, await read(context, question, quoted))


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    """Offer ask."""
    register(ask)


@hookimpl
def register_settings(register: Callable[[type[PluginSettings]], None]) -> None:
    """Declare [plugin.qa]."""
    register(QuestionSettings)
