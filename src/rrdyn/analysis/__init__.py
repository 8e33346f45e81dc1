"""Statistics on artifacts: the 2x2, intervals, controls, survival, selectors. No torch."""
