"""What a tick of the clock does, by calling actions."""
