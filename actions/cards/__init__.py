"""How an entry, a verdict, a menu looks, as blocks that every channel can render."""
