"""What was learnt, loaded in this process: which checkpoint is meant, and its answers."""
