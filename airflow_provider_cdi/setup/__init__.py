"""What a warehouse needs before the first run, made from the same contracts that a sync reads by."""
