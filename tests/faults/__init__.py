"""Faults on purpose against the real program: killed, stopped, cut off, refused, and what is left of it.

`make faults` runs all scenarios in full and prints counts; `tests/test_faults.py` runs small ones. Telegram
is played by `tests.botapi` in this process; the program, its signals and its databases are real.
"""
