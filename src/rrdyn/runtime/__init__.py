"""The machine underneath: devices, random streams, progress, launch over processes, hub access."""
