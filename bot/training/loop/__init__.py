"""A run: seeded, resumable, measured, ended when nothing improves.

request      what a command asks for             plan         how it learns: a TOML file, the command line
run          the loop                            learner      one step: gradients, Adam, averaged weights
state        what is left on disk                identity     what makes two runs the same one
interrupt    signals end it between two steps    distributed  several processes, one model
progress     who is told how far it is           curves       its history as SVG
differential steps that tell little of any row   card         the README.md of its checkpoint
"""
