"""`python -m bot` is the command `zhifa`."""

from bot.cli.main import main

main()
