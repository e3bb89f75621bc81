"""The composition roots: the web server, the worker, the scheduler and the command line."""
