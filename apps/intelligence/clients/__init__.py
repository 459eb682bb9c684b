"""Clients of the AI providers. They know no models and no settings; they take what they need as arguments."""
