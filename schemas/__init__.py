"""What comes in, what goes out, and what the configuration may say: marshmallow only."""
