"""Route a host agent's sub-tasks to models by written policy, run them there, and say why."""

__version__ = "0.1.0"
