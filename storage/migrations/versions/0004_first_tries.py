"""When a part was first tried: what is looked up on a platform cannot be older."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add a moment to the parts of the outbox; those tried before keep none."""
    op.add_column("outbox", sa.Column("first_tried_at", sa.Double(), nullable=True))
