"""A local Braze: validates, keeps, answers and fails as the real one does. It shares no code with the rest."""
