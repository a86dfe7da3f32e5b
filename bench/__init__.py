"""The benchmark: speed as ratios in one run, on the lab. ``python -m bench [part …]`` or ``tox -e bench``."""
