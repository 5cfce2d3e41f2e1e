"""The words of the event that started a job: how they are handed to the agent, and how they are
found in a prompt.
"""
