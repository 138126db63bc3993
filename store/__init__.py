"""What the bot remembers. SQL lives only here; functions take an open transaction and never commit."""
