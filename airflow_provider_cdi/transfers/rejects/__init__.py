"""The rejects of one sync: where its runs write them, where they are looked for, how long they are kept."""
