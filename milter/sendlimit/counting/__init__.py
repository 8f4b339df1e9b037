"""The counting engine: questions in, one transaction out."""
