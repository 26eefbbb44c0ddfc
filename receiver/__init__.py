"""The Receiver: the server to which Laravel applications post their Telescope and Pulse snapshots."""

__version__ = "0.1.0"
