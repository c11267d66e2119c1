"""The worker beside other ways to serve the same encoder, under the same load.

Each system runs in a process of its own (`stage`), where nothing but the standard library is imported
besides what the system needs, so that it can have an environment of its own.
"""
