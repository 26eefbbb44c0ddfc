"""The commands, one module a noun; ``receiver/cli.py`` is where they come together."""
