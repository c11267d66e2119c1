"""The process that holds the models, and the client through which the bot asks it.

options     what an operator may choose          client       asks, from the event loop
frames      what travels between the two         supervisor   keeps the process alive, carries calls to it
address     where the two meet                   process      the process as the bot sees it
catalogue   which model serves which role        calls        what is asked and not yet answered
errors      how failures travel                  server       answers, in the worker's process
                                                 role         what the server asks of a role

embedding      a role: texts to vectors          transcription  a role: recordings to words
batching       which texts go together           audio          recordings to samples, samples to windows
inference      one thread, batch after batch     decoder        opens a recording, in a limited process
engine         torch; in the worker alone        speech         torch; in the worker alone
                                                 sphinx         pocketsphinx, in a process of its own
"""
