"""The lab's faults: the proof that every check can fail.

A fault is a module of ``lab.faults.<layer>``. Its docstring says what breaks, ``REDS`` names the checks that
must go red and no others, and ``inject(patient)`` is a context manager that breaks the lab and heals it.
``LAYERS`` says which layers of checks are asked to show that nothing else goes red (default: its own).
"""
