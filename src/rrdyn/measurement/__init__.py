"""A checkpoint and its puzzles measured: what is asked, shared out, observed, kept, and merged."""

from __future__ import annotations

from rrdyn.measurement.diagnosis import Diagnosis, DiagnosisConfig
from rrdyn.measurement.evaluation import Evaluated, EvaluationConfig
from rrdyn.measurement.fate import Fate, FateConfig
from rrdyn.measurement.measurement import Cost, Measurement, MeasurementConfig, measurement_named, register
from rrdyn.measurement.perturbation import Perturbation, PerturbationConfig
from rrdyn.measurement.rollout import Rollout, RolloutConfig
from rrdyn.measurement.scale import Scale, ScaleConfig
from rrdyn.measurement.scaling.method import Method, register_method
from rrdyn.measurement.subject import Questions, Subject, open_subject
from rrdyn.measurement.voting import Votes, VotesConfig

__all__ = [
    "Cost",
    "Diagnosis",
    "DiagnosisConfig",
    "Evaluated",
    "EvaluationConfig",
    "Fate",
    "FateConfig",
    "Measurement",
    "MeasurementConfig",
    "Method",
    "Perturbation",
    "PerturbationConfig",
    "Questions",
    "Rollout",
    "RolloutConfig",
    "Scale",
    "ScaleConfig",
    "Subject",
    "Votes",
    "VotesConfig",
    "measurement_named",
    "open_subject",
    "register",
    "register_method",
]
