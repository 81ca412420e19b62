"""Who may look at what is a seller's: nobody who operates, but for an hour, with a reason, read only, and with the seller and a second person
looking on.
"""
