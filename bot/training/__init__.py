"""The lab: learn models from files, keep the best checkpoint, and say in a card how it was made.

plan          how a run learns: one TOML file and the command line
request       what a command asks for, and the table of tasks → courses
run           the loop: seeded, resumable, measured, ended when nothing improves
learner       one step: gradients, Adam, averaged weights
state         what a run leaves on disk, replaced as a whole or not at all
identity      what makes two runs the same one
interrupt     signals end a run between two steps
distributed   several processes, one model
progress      who is told how far a run is
curves        the history as SVG
provenance    where the rows come from, and whether they may be learnt from
card          the README.md of a checkpoint
subwords      byte-pair vocabularies
batches       pairs of token sequences, cut into batches of like lengths
sentences     rows of translations
translation   the course of translators: a small transformer, or GRU and attention
language      the course of language models: GPT-2 from unlabelled text

Nothing here runs in the bot: the command line alone imports it.
"""
