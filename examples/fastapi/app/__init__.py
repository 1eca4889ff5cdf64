"""The example service in Python."""
