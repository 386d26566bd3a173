"""How each member system writes what happened: one module per kind of system."""
