"""What people may ask about: documents cut into passages, found by words and by meaning.

It stands in `bot`, not in the question-answering plugin, because every skill that cites (answers,
drafts of the desk, chat) needs the same passages, and plugins never import each other.
"""
