"""Every failure parley raises on purpose, as one tree.

ParleyError                 the class says whose fault it is, the message what to do next
├── BadInput                the person or operator gave something that cannot be used (exit 2)
│   ├── BadSettings         the settings file or an environment variable
│   ├── BadArguments        a skill's arguments; carries the skill's usage
│   ├── UnknownSkill        no skill of that name here
│   ├── UnreadableDocument  a file that cannot be turned into passages
│   └── TooLarge            over a stated limit
├── BrokenPlugin            a plugin cannot be loaded; it is disabled, the bot goes on
├── ModelError              the worker could not answer
│   ├── WorkerUnavailable   no worker, or it keeps dying
│   │   └── BadModel        a model's files are missing, altered or of another kind
│   ├── Uncomputable        the engine failed on this request alone
│   ├── Overloaded          the worker's queue is full; carries `retry_after` seconds
│   └── DeadlineExceeded    the answer would have come too late
├── SignInRefused           a platform will not let a connector in; it stops, the others go on (exit 2)
└── DeliveryError           a connector could not deliver a reply
    ├── RetryLater          try the same part again after `seconds`
    ├── Refused             the platform will never take it
    └── Uncertain           the platform may have taken it: look before sending again

Failures of the database are `storage.errors.StorageError` and its children.
"""


class ParleyError(Exception):
    """A deliberate failure. `str(error)` may be shown to a person as it is."""

    exit_code = 1


class BadInput(ParleyError):
    """What was given cannot be used; the message says what to give instead."""

    exit_code = 2


class BadSettings(BadInput):
    """A setting is wrong. The message names the key, the place and what to do; never a secret."""


class BadArguments(BadInput):
    """A skill was called with arguments it cannot take."""


class UnknownSkill(BadInput):
    """No skill of that name is enabled in this channel."""


class UnreadableDocument(BadInput):
    """A file cannot be turned into passages: broken, empty, of an unknown kind, or a bomb."""


class TooLarge(BadInput):
    """Something is over a stated limit."""


class BrokenPlugin(ParleyError):
    """A plugin cannot be loaded. The bot starts without it and says why."""


class ModelError(ParleyError):
    """The model worker could not answer."""


class WorkerUnavailable(ModelError):
    """There is no worker, or it keeps dying."""


class BadModel(WorkerUnavailable):
    """A model cannot be used: files missing, altered, of another kind, or a package not installed."""


class Uncomputable(ModelError):
    """The engine failed on this request alone; others beside it were answered."""


class Overloaded(ModelError):
    """The worker's queue is full."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"The models are busy. Try again in {retry_after:.0f} seconds.")
        self.retry_after = retry_after


class DeadlineExceeded(ModelError):
    """The answer would have come after its deadline, so it was not computed."""


class SignInRefused(ParleyError):
    """A platform refuses this account for good: wrong token, missing intent, removed app."""

    exit_code = 2


class DeliveryError(ParleyError):
    """A connector could not deliver a reply."""


class RetryLater(DeliveryError):
    """The platform asks to try again after `seconds`."""

    def __init__(self, seconds: float, reason: str = "the platform asked to wait") -> None:
        super().__init__(reason)
        self.seconds = seconds


class Refused(DeliveryError):
    """The platform will never take this reply (channel gone, no permission)."""


class Uncertain(DeliveryError):
    """The connection broke after sending: the platform may have taken it."""
