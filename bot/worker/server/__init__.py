"""The worker's process, from the wire to the device.

serving     takes frames, answers them           standing    a worker that runs alone
roles       all that is served, and how it is    role        what the server asks of a role
batches     roles of texts, in batches           generation  the role that writes piece by piece
requests    what is open, and for whom: room     transcription  the role that writes recordings down
answers     puts results together, per request   apart       a bad text fails alone
batching    which texts go together              tokenizing  the thread that finds tokens
device      the one thread that computes         shelf       which models are in memory
desk        what roles share                     meters      what a role has done, in numbers
forms       what each task is asked and answers  surroundings  threads, devices, parent, signals
"""
