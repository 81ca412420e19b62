"""Stock at Amazon: how long it lasts, and when and how much to order."""
