"""The command `zhifa`, one module for each group of sub-commands."""
