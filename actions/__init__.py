"""What can be done, one module for each capability, and what the bot can say."""
