"""Training one sparse sine network for one picture."""
