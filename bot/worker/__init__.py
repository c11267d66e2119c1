"""The process that holds the models, and the client through which the bot asks it.

options     what an operator may choose          client       asks, from the event loop
frames      what travels between the two         fleet        several workers as one
address     where the two meet                   supervisor   keeps one in reach, carries calls to it
catalogue   which model serves which role        process      the process as the bot sees it
errors      how failures travel                  calls        what is asked and not yet answered
link        a connection, and the ways to one    dialogue     what frames say of calls, and do to them
state       what a worker does and can do        stream       an answer that comes piece by piece
placement   which devices get a worker           asking       a question, cut to frames
standing    a worker that runs alone             values       what answers must look like
reports     a heartbeat as a report

In the worker's process, from the wire to the device:

server      takes frames, answers them           roles        all that is served, and how it is
role        what the server asks of a role       answers      puts results together, per request
batches     roles of texts, in batches           generation   the role that writes piece by piece
requests    what is open, and for whom: room     forms        what each task is asked and answers
tokenizing  the thread that finds tokens         apart        a bad text fails alone
batching    which texts go together              device       the one thread that computes
shelf       which models are in memory           memory       how much they take
checkpoint  whether files are what they should   meters       what a role has done, in numbers

Engines, which alone know torch: encoders (vectors, labels, answers, relevance), seq2seq (translations,
summaries), decoding (conversations), speech and sphinx (recordings, for the role in transcription; audio
and decoder open them). What they share is in loading.
"""
