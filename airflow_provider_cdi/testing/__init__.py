"""For tests of destinations: runs in memory and in virtual time. Nothing else of the package imports it."""
