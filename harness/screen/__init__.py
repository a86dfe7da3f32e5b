"""A picture of a screen, and the VNC session it comes over."""
