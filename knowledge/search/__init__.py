"""Finding the one entry that answers a question, or saying that there is none."""
