"""The running program: command line, settings, wiring, channels."""
