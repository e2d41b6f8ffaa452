"""SSH tunnels: the way to a database that only a bastion reaches."""
