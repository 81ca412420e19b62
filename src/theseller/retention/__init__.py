"""How long things live, how they are erased, and the proof that they were."""
