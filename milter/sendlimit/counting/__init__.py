"""The counting engine: requests in, one transaction out."""
