"""Which model translates: its role, and what its origin is called when it comes with parley."""

ROLE = "translation"
BUILT_IN = "built-in"
