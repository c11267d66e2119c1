"""The model worker as an application of Ray Serve, for clusters. The bot never imports it: it calls it."""
