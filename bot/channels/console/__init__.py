"""The terminal: one chat, the same conversation."""
