"""What was learnt, loaded in this process: which checkpoint is meant, and its answers.

choosing     which checkpoint is meant           served      labels as the worker computes them
classifier   labels                              translator  translations
judge        one that judges texts, whoever made it
"""
