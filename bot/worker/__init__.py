"""The process that holds the models, and the client through which the bot asks it.

options     what an operator may choose          client      asks, from the event loop
frames      what travels between the two         supervisor  starts the process and replaces it
address     where the two meet                   calls       what is asked and not yet answered
catalogue   which model serves which role        server      answers, in the worker's process
batching    which texts are computed together    inference   one thread, batch after batch
errors      failures only the worker raises      engine      torch; imported in the worker's process alone
"""
