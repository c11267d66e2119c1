"""The lab's experiments side by side on one page: which are run, on which rows, how they are written."""
