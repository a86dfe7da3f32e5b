"""The fixing half: what findings ask for, as guarded operations; shown first, done when asked for."""
