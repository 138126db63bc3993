"""The conversation: a router, and one module for each capability. No channel, no open transaction."""
