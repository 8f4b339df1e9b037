"""Small real classes that stand in for Postfix, the database and the log in tests."""
