"""rrdyn: why small recursive reasoners (HRM, TRM) fail, measured as a dynamical system."""

__version__ = "0.1.0"
