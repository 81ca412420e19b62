"""What the emulated sellers sold: a pure function of (seed, seller, instant). Nothing is stored, so any past day is the same for ever."""
