"""How the bot asks: from its event loop, without ever waiting there for a model.

models      the client itself                    supervisor  keeps one worker in reach, carries calls to it
fleet       several workers as one               process     the process as the bot sees it
link        a connection, and the ways to one    calls       what is asked and not yet answered
asking      a question, cut to frames            dialogue    what frames say of calls, and do to them
stream      an answer that comes piece by piece  reports     a heartbeat as a report
http        the way to workers behind an HTTP address
"""
