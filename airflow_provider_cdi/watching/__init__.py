"""What a watch knows of syncs that it does not run: their runs, what is wrong with them, what it told already."""
