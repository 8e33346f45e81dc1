"""Compositions of the other rooms: demo, sweep, report."""
