"""Everything measured on a recurrence: rollout, drift, Lyapunov exponents, perturbed restarts."""
