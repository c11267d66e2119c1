"""Turn recordings into text: opened apart, cut into windows, recognised by a checkpoint or pocketsphinx."""
