"""The lab's faults: the proof that every check can fail.

A fault is a module of ``lab.faults.<layer>``. Its docstring says what breaks, ``REDS`` names the checks that
must FAIL and no others, and ``inject(patient)`` is a context manager that breaks the lab and heals it.
``LAYERS`` says which layers of checks are asked to show that nothing else goes red (default: its own).
``BROKEN`` names the checks that can then no longer be asked; ``OTHERS_BROKEN = True`` says that all but
``REDS`` are so.
"""
