"""The models known here and the deployments through which they are reached."""
