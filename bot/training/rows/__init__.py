"""What is learnt from: rows read from files, admitted by their licences, cut into batches.

data         texts and labels                    labels      what each task calls its labels
sentences    pairs that translate each other     provenance  where rows come from, and if they may be used
lessons      texts with shares of labels         batches     pairs of token sequences
subwords     byte-pair vocabularies              sums        whether files are still the same
"""
