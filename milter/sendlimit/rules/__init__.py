"""The rules of counting, R1 to R14 of docs/limits.md: values and time in, values out."""
