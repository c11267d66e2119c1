"""The ways in: one module or folder per platform."""
