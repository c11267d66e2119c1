"""Whether the mood of a channel falls away from what is usual there.

Values are p(positive) - p(negative) of its messages, from -1 to 1. The usual is their slowly learnt mean
and deviation; the fall is the one-sided cumulative sum of deviations below it (CUSUM: Page, 1954,
"Continuous inspection schemes"), which answers to small lasting shifts and to large ones at once, and
forgets a bad message after a few good ones.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace

WARM_UP = 100
"""Messages before the usual is known well enough."""
MEMORY = 1000.0
"""So many messages make up the usual: some weeks of a busy channel."""
RECENT = 20.0
"""So many messages make up the mood of now."""
SLACK = 0.5
"""Standard deviations below the usual that are nobody's business: half the shift that is to be found."""
LONGEST_STEP = 3.0
"""A single message counts at most so many deviations, so that none can raise an alert alone."""
LEAST_DEVIATION = 0.15


@dataclass(frozen=True, slots=True)
class Drift:
    """What is known of a channel: messages, the usual mean and variance, the mood of now, and the fall."""

    count: int = 0
    mean: float = 0.0
    variance: float = 0.25
    recent: float = 0.0
    fall: float = 0.0

    @property
    def deviation(self) -> float:
        """The usual standard deviation, never so small that ordinary words look like a storm."""
        return max(LEAST_DEVIATION, math.sqrt(self.variance))

    @property
    def is_known(self) -> bool:
        """Whether enough was said to know the usual."""
        return self.count >= WARM_UP

    def after(self, value: float) -> Drift:
        """With one more message. While the mood falls, the usual is learnt ten times slower."""
        if self.count == 0:
            return replace(self, count=1, mean=value, recent=value)
        step = (self.mean - value) / self.deviation
        fall = max(0.0, self.fall + min(step, LONGEST_STEP) - SLACK) if self.is_known else 0.0
        pace = max(1 / (self.count + 1), 1 / MEMORY) * (0.1 if fall > LONGEST_STEP else 1.0)
        mean = self.mean + pace * (value - self.mean)
        return Drift(
            count=self.count + 1,
            mean=mean,
            variance=self.variance + pace * ((value - self.mean) * (value - mean) - self.variance),
            recent=self.recent + (value - self.recent) / min(RECENT, self.count + 1),
            fall=fall,
        )

    def told(self) -> Drift:
        """The same after moderators were told: the fall begins anew."""
        return replace(self, fall=0.0)

    def pack(self) -> str:
        """As JSON."""
        return json.dumps({name: round(value, 5) for name, value in asdict(self).items()})

    @classmethod
    def unpack(cls, packed: str | None) -> Drift:
        """That of `pack`; of a channel that is new, nothing."""
        return cls(**json.loads(packed)) if packed else cls()
