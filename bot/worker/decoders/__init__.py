"""Write the answers of many conversations at once, a token a step.

decoding    the engine                           rows        answers that are written together
forward     one pass over rows of any length     cache       their keys and values
sampling    the next token                       writing     one answer while it is written
prompts     turns in the words of a chat model   control     what people write is no control token
spelling    tokens into text as they come        repetition  cuts what repeats without end
"""
