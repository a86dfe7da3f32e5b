"""The lab's faults: the proof that every check can fail.

A fault is a function in ``lab.faults.<layer>.<subject>``, made a value by the decorator ``@fault``: its
docstring says what breaks, its context manager breaks the lab and heals it, and the decorator names the
checks that must FAIL and no others. Faults that are nothing but rows of the database are a table instead.
What faults break with lies beside the layers: a copy of the database or of a golden file, a controller or a
snapshot with a defect, things of a VM without the VM.
"""
