"""What the bot knows: content, search and law. No people, no chat, no database but its own index file."""
