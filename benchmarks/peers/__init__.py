"""This step beside what people use instead: a curl loop, a poller in Python, and the script of
Mogplex's CLI.
"""
