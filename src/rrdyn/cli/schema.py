"""`rrdyn schema`"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Annotated, Any, Literal

from pydantic import Field, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core.core_schema import FloatSchema

from rrdyn.artifacts.record import Settings, Written
from rrdyn.cli.command import Arguments, Outcome, Positional

DRAFT = "https://json-schema.org/draft/2020-12/schema"

PLAIN_FIGURES = ("trajectories", "rollout", "fates", "compare", "latent", "toy", "puzzle")
TAGGED_FIGURES = ("2x2", "spectrum", "evolution", "basin", "selectors", "scaling")
SEEN = [
    f"studies.inspected:{name}"
    for name in [
        "Study",
        "Steps",
        "Arrays",
        "Object",
        "Other",
        "Table",
        "Log",
        "Puzzles",
        "Lists",
        "Architecture",
        "Preset",
    ]
]

RESULTS: dict[str, str] = {
    "aggregate": "cli.results:AggregateResult",
    "analyze-2x2": "analysis.batch:BatchRecord",
    "analyze-scale": "artifacts.scaling:ScaledFiles",
    "cite": "cli.results:CiteResult",
    "compare": "artifacts.comparison:ComparisonRecord",
    "data": "data.inspection:Contents",
    "demo": "studies.demo:DemoRecord",
    "diagnose": "analysis.overview:DiagnosesOverview cli.results:Unfinished",
    "evaluate": "artifacts.evaluation:EvaluationRecord",
    "evolution": "cli.results:EvolutionResult",
    "export": "cli.results:ExportResult",
    "export-table": "cli.results:ExportTableResult",
    "fate": "analysis.fates:FatesFiles cli.results:Unfinished",
    "hub pull": "cli.results:PullResult",
    "hub push": "cli.results:PushResult",
    "inspect": " ".join(
        ["models.description:Description", "data.inspection:Contents", "studies.run_record:Run", *SEEN]
    ),
    "measure": "cli.results:MeasureResult cli.results:Unfinished",
    "merge": "cli.results:MergeResult",
    "perturb": "analysis.overview:RestartsOverview cli.results:Unfinished",
    "plot": "cli.results:PlotResult",
    **dict.fromkeys((f"plot {name}" for name in PLAIN_FIGURES), "cli.results:FigureResult"),
    **dict.fromkeys((f"plot {name}" for name in TAGGED_FIGURES), "cli.results:TaggedFigures"),
    "plot dynamics": "cli.results:CurvesFigure",
    "plot perturbation": "cli.results:CellsFigure",
    "report": "cli.results:ReportResult",
    "rollout": "analysis.overview:RolloutOverview cli.results:Unfinished",
    "scale": "cli.results:MeasureResult cli.results:Unfinished",
    "schema": "cli.results:SchemaResult",
    "select": "artifacts.selection:SelectedFiles",
    "selfcheck": "cli.results:SelfcheckResult",
    "solve": "cli.results:SolveResult cli.results:SolvedTask",
    "survival": "artifacts.survival:SurvivalRecord",
    "sweep": "cli.results:SweepResult",
    "toy": "analysis.overview:ToyOverview",
    "vote": "analysis.votes:TallyFile cli.results:Unfinished",
    "train": "cli.results:TrainResult cli.results:Plans",
    "watch": "plotting.sparklines:WatchedRuns",
}
"""Command, or group of commands -> the records that are its result under --json, one or the other."""
ERROR = "error"


class Args(Arguments):
    """The JSON Schema of what a command prints with --json: its result, or the error that all commands share.

    1. rrdyn schema
    2. rrdyn schema diagnose
    3. rrdyn schema plot dynamics
    4. rrdyn schema error
    """

    name: Positional[tuple[str, ...]] = ()
    """A command, or "error" for the part that all share; without it the names are listed."""


def run(args: Args) -> Outcome:
    from rrdyn.artifacts.files import dump_json
    from rrdyn.cli.results import SchemaResult

    if not args.name:
        return Outcome(data=SchemaResult(names=names()), text="\n".join(names()))
    schema = schema_of(" ".join(args.name))
    return Outcome(data=SchemaResult(json_schema=schema), text=dump_json(schema))


def names() -> list[str]:
    """What there are schemas of: every command, those of plug-ins too, and errors."""
    from rrdyn.cli.app import COMMANDS, OPEN, added

    return [*dict.fromkeys([*COMMANDS, *(f"{group} {name}" for group in OPEN for name in added(group))]), ERROR]


def schema_of(name: str) -> Settings:
    """The JSON Schema (draft 2020-12) of everything that a command prints with --json. Raises UsageError."""
    from rrdyn.artifacts.errors import UsageError
    from rrdyn.cli.results import Failure

    if name not in (known := names()):
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        raise UsageError(f"there is no schema {name!r}", expected=f"did you mean {near[0]!r}?" if near else None,
                         run="rrdyn schema")  # fmt: skip
    models = [_answer(name, _record(place)) for place in _places(name)]
    return _schema([*models, Failure], f"rrdyn {name} --json" if models else "every error under --json")


def record_of(name: str) -> type[Written]:
    """The record of a command that has one."""
    (place,) = _places(name)
    return _record(place)


def _places(name: str) -> list[str]:
    """Where the records of a command are, or of its group."""
    return (RESULTS.get(name) or RESULTS.get(name.split()[0], "")).split()


def _record(place: str) -> type[Written]:
    module, _, name = place.partition(":")
    found: type[Written] = getattr(import_module(f"rrdyn.{module}"), name)
    return found


def _answer(name: str, record: type[Written]) -> type[Written]:
    """A record with what `run_command` puts around each."""
    around: dict[str, Any] = {
        "command": (Literal[name], ...),
        "wrote": (Annotated[list[str], Field(description="Files written.")], ...),
        "kept": (Annotated[list[str], Field(description="Files that were there already and hold the same.")], ...),
    }
    return create_model(record.__name__, __base__=record, __doc__=record.__doc__, **around)


def _schema(models: list[type[Written]], title: str) -> Settings:
    inputs = [(model, "serialization") for model in models]
    refs, defined = models_json_schema(inputs, schema_generator=AsWritten)  # type: ignore[arg-type]
    either = list(refs.values())
    return {"$schema": DRAFT, "title": title, **(either[0] if len(either) == 1 else {"anyOf": either}), **defined}


class AsWritten(GenerateJsonSchema):
    """Schemas of what `dump_json` writes: a number that may be NaN or infinite is null where it is."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Titles that repeat the key say nothing."""
        return False

    def float_schema(self, schema: FloatSchema) -> JsonSchemaValue:
        number = super().float_schema(schema)
        return {"anyOf": [number, {"type": "null"}]} if schema.get("allow_inf_nan") else number
