"""What each data type of each service is: its columns, its encoding, its limits, and what an answer means."""
