"""Altered copies of rows, with the same labels.

augmentation     which changes, and how many     protection    what is never changed
perturbation     slips of hasty people           obfuscation   words disguised from a filter
counterfactuals  the same of other people        terms         by which people are named
paraphrasing     the same in other words
"""
