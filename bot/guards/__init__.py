"""What a message must pass before a skill sees it: one small module each."""
