"""Tools of the probes: reads of the running deployment, and attempts that it must refuse."""
