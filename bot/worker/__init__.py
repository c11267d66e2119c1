"""The process that holds the models, and the client through which the bot asks it.

client/     asks, from the bot's event loop: one worker or several
wire/       what the two say to each other, and where they meet
server/     the worker's process: roles, queues, batches, the device
encoders/   vectors, labels, answers, relevance        decoders/   conversations
seq2seq/    translations, summaries                    speech/     recordings

options     what an operator may choose          catalogue   which model serves which role
placement   which devices get a worker           checkpoint  whether files are what they should be
loading     the parts of a checkpoint            merging     adapters added to the weights
memory      how much a loaded model takes

Only the four engines, with loading and merging, know torch; nothing here is imported upwards.
"""
