"""Ways in and out: each channel reads events, sends replies and renders blocks."""
