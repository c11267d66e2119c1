"""The lab: learn models from files, keep the best checkpoint, and say in a card how it was made.

rows/         what is learnt from: read, admitted, cut into batches
variants/     altered copies of rows
loop/         a run: its plan, its steps, its state on disk, its card
courses/      what can be learnt, and how
checkpoints/  what was learnt, loaded in this process
measures/     how good it is, and why it says what it says
compression/  smaller and quicker forms
federated/    one model of several sites that keep their rows
report/       the lab's experiments on one page

working       a command from its files to the card: admitted, learnt, examined, described

Nothing here runs in the bot: the command line alone imports it.
"""
