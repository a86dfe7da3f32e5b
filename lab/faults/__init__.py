"""The lab's faults: the proof that every check can fail.

A fault is a module of ``lab.faults.<layer>``. Its docstring says what breaks, ``REDS`` names the checks that
must FAIL and no others, and ``inject(patient)`` is a context manager that breaks the lab and heals it.
``LAYERS`` says which checks are asked to show that nothing else goes red: layers, files or single ones, all
that could notice (default: ``LAYERS`` of the folder, else all of its own layer).
``BROKEN`` names the checks that can then no longer be asked; ``OTHERS_BROKEN = True`` says that all but
``REDS`` are so.
"""
