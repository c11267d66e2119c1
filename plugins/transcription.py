"""Write voice messages down, so that they can be read, found and answered like any other."""

from collections.abc import Callable, Sequence

from bot import Attachment, Context, Reply, Skill, hookimpl, skill

# A recogniser on a small machine needs about a third of the time it took to say it.
DEADLINE_SECONDS = 900.0


@skill(deadline=DEADLINE_SECONDS)
async def transcribe(context: Context) -> Reply:
    """Write down what is said in a voice message or an audio file sent with the command."""
    recordings = spoken_first(context.message.attachments)
    if not recordings:
        return Reply(
            "There is nothing to listen to. Send a voice message, or an audio file with /transcribe."
        )
    texts = [await _words(context, recording) for recording in recordings]
    heard = " ".join(text for text in texts if text)
    if not heard:
        return Reply("I could not make out any words. Please say it again, or write it.")
    return Reply("\n>\n".join(f"> {text}" for text in texts if text), heard=heard)


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    """Offer transcribe."""
    register(transcribe)


def spoken_first(attachments: Sequence[Attachment]) -> list[Attachment]:
    """What can be listened to, voice clips before other recordings."""
    return sorted((each for each in attachments if each.is_audio), key=lambda each: not each.is_voice)


async def _words(context: Context, recording: Attachment) -> str:
    audio = await context.files.read(recording)
    transcript = await context.models.transcribe(
        audio, priority=context.message.priority, deadline=context.deadline
    )
    return " ".join(transcript.text.split())
