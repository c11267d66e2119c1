"""The lab: learn models from files, keep the best checkpoint, and say in a card how it was made.

plan          how a run learns: one TOML file and the command line
request       what a command asks for, and the table of tasks → courses
run           the loop: seeded, resumable, measured, ended when nothing improves
learner       one step: gradients, Adam, averaged weights
state         what a run leaves on disk, replaced as a whole or not at all
identity      what makes two runs the same one
interrupt     signals end a run between two steps
distributed   several processes, one model
privacy       steps that tell little of any row, and the account of what they cost
federation    several sites, one model; site: the process that opens its rows; aggregation: their updates
auditing      how a checkpoint treats texts that name people
report        experiments side by side on a page; experiments: which; samples: on which rows
few_shot      a head on an encoder, from a few examples of each label
augmentation  altered copies of rows; perturbation, obfuscation, counterfactuals, paraphrasing: the changes;
              protection: what stays; terms: whose identities are exchanged
compression   smaller and quicker forms, measured; pruning: fewer units; served: as the worker computes it
progress      who is told how far a run is
curves        the history as SVG
provenance    where the rows come from, and whether they may be learnt from
card          the README.md of a checkpoint
subwords      byte-pair vocabularies
batches       pairs of token sequences, cut into batches of like lengths
sentences     rows of translations
translation   the course of translators: a small transformer, or GRU and attention
reading       the course of readers: a head for spans on an encoder; questions: its rows
language      the course of language models: GPT-2 from unlabelled text

Nothing here runs in the bot: the command line alone imports it.
"""
