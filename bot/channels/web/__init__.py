"""The web chat on loopback."""
