"""Smaller and quicker forms of a classifier, with what each costs."""
