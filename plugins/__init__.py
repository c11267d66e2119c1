"""The plugins that come with parley. Each uses only what `bot` offers, as anyone's may."""
