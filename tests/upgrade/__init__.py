"""What an earlier version left behind goes on working: state, deferred tasks, connections."""
