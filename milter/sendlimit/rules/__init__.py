"""The rules of counting, R1 and on in docs/limits.md: values and time in, values out."""
