"""Past decisions that corrected rules would have made otherwise, and commands that make up for
them.
"""
