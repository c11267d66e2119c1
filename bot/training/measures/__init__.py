"""How good a checkpoint is, and why it says what it says.

measuring    its answers beside the labels       comparison   whether one is really better than another
auditing     what it says of groups of people    explanation  the words that decided, and whether that is true
trial        a version loaded as the worker would    promotion    whether that version may go live
bertscore    texts beside those of people, by words in context           bleurt   the same by a taught model
"""
