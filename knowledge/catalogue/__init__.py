"""The content as a checked whole: models, registers, loading and lint."""
