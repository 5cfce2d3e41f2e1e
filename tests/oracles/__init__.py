"""Independent readings of what others obey, for tests to hold our output against; nothing here
imports the project.
"""
