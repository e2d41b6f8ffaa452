"""The control plane and the pages: what the sandbox holds and got, without a key and a rate limit."""
