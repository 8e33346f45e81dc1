"""The architecture: imports point downwards, and the light commands stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "rrdyn"
FLOORS = {
    "artifacts": 0,
    "runtime": 1,
    "models": 2,
    "data": 2,
    "dynamics": 3,
    "analysis": 3,
    "measurement": 4,
    "training": 5,
    "plotting": 5,
    "studies": 6,
    "cli": 7,
}
NEVER = {"analysis": {"torch"}, "plotting": {"torch"}, "artifacts": {"torch", "matplotlib"}, "data": {"matplotlib"}}
TOP_NEVER = {"cli": {"torch", "matplotlib"}}


def rooms_imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def files(room: str) -> list[Path]:
    return sorted((SOURCE / room).rglob("*.py"))


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_imports_only_from_floors_below(room):
    for path in files(room):
        for name in rooms_imported(ast.parse(path.read_text())):
            parts = name.split(".")
            if parts[0] == "rrdyn" and len(parts) > 1 and parts[1] in FLOORS and parts[1] != room:
                assert FLOORS[parts[1]] < FLOORS[room], f"{path.name} of {room}/ imports {name}"


@pytest.mark.parametrize("room", NEVER)
def test_a_room_never_imports_what_it_must_not_know(room):
    for path in files(room):
        loaded = {name.split(".")[0] for name in rooms_imported(ast.parse(path.read_text()))}
        assert not loaded & NEVER[room], path


def test_commands_import_heavy_libraries_only_when_they_run():
    for path in files("cli"):
        top = ast.parse(path.read_text())
        names = {name.split(".")[0] for node in top.body if isinstance(node, ast.Import | ast.ImportFrom)
                 for name in rooms_imported(node)}  # fmt: skip
        assert not names & TOP_NEVER["cli"], path


@pytest.mark.parametrize("arguments", [["-c", "import rrdyn"], ["-m", "rrdyn", "--help"], ["-m", "rrdyn", "--version"]])
def test_help_loads_neither_torch_nor_matplotlib(arguments):
    probe = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    ).stderr
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in probe.splitlines()}
    assert "rrdyn" in loaded
    assert not loaded & {"torch", "matplotlib", "numpy", "tyro"}


def test_every_command_has_its_file_and_every_file_its_command():
    from rrdyn.cli.app import COMMANDS

    expected = {name.replace(" ", "_").replace("-", "_") for name in COMMANDS if not name.startswith("plot ")}
    shared = {"__init__", "app", "command", "completion", "data_kind", "plot", "names", "options", "results", "within",
              "submission"}  # fmt: skip
    found = {path.stem for path in (SOURCE / "cli").glob("*.py")} - shared
    assert found == expected


@pytest.mark.parametrize("room", FLOORS)
def test_files_hold_one_noun(room):
    for path in files(room):
        assert len(path.read_text().splitlines()) <= 400, f"{path} has grown past one noun"


# ---- no two files import each other ----------------------------------------------------------------------------------


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {module_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imports_of(path: Path) -> set[str]:
    """Modules of ours that a file imports, inside functions and under TYPE_CHECKING too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {deeper if deeper in MODULES else node.module for deeper in inside.values()}
    return found & MODULES.keys() - {module_of(path)}


def circles() -> list[list[str]]:
    """The groups of files each of which leads back to itself (Tarjan's strongly connected components)."""
    graph = {name: sorted(imports_of(path)) for name, path in MODULES.items()}
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in graph[name]:
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in order:
            visit(name)
    return found


def test_no_two_files_import_each_other():
    assert circles() == []


# ---- what rooms hand each other is typed -----------------------------------------------------------------------------

UNTYPED = "dict[str, Any]"
OF_OTHERS = {"artifacts/record.py: Written.model_dump"}  # pydantic's own signature


def signatures(tree: ast.AST, within: str = "") -> list[tuple[str, ast.expr]]:
    """(name, annotation) of every argument, result and field that other files can reach."""
    found: list[tuple[str, ast.expr]] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found += signatures(node, f"{within}{node.name}.")
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append((f"{within}{node.target.id}", node.annotation))
        elif isinstance(node, ast.FunctionDef) and (node.name.startswith("__") or not node.name.startswith("_")):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg]
            kinds = [one.annotation for one in arguments if one is not None] + [node.returns]
            found += [(f"{within}{node.name}", kind) for kind in kinds if kind is not None]
    return found


def test_no_mapping_of_anything_is_handed_from_room_to_room():
    """Records, configs and requests are types. `Meta` and `Settings` are free JSON and YAML that nobody writes into."""
    untyped = {
        f"{path.relative_to(SOURCE).as_posix()}: {name}"
        for path in MODULES.values()
        for name, annotation in signatures(ast.parse(path.read_text()))
        if UNTYPED in ast.unparse(annotation)
    }
    assert untyped == OF_OTHERS


# ---- tests mirror the source -----------------------------------------------------------------------------------------

TESTS = Path(__file__).parent
ELSEWHERE = {
    # what is only told apart by what uses it: records, settings, words, the smallest parts of a family
    "artifacts/test_npz": "artifacts/arrays artifacts/provenance artifacts/schema artifacts/schemas",
    "artifacts/test_config": "artifacts/errors artifacts/reading",
    "artifacts/test_files": "artifacts/places",
    "studies/test_inspection": "artifacts/pasting studies/following studies/inspected studies/run_record",
    "analysis/test_intervals": "artifacts/interval analysis/areas",
    "analysis/test_two_by_two": "artifacts/results analysis/cells analysis/summary",
    "analysis/test_survival": "artifacts/survival analysis/escape_comparison",
    "analysis/test_increment": "analysis/folds analysis/independence analysis/terms",
    "analysis/test_select": "artifacts/selection analysis/risk analysis/selectors",
    "analysis/test_batch": "analysis/puzzles",
    "analysis/test_aggregate": "analysis/runs artifacts/frame",
    "analysis/test_comparison": "artifacts/comparison analysis/measured",
    "docs/test_pages": "artifacts/citations measurement/measurement",
    "runtime/test_cluster": "cli/submission",
    "data/test_registry": "data/tokens",
    "data/test_defaults": "data/recipe data/sudoku/recipe data/maze/recipe data/modular/recipe",
    "data/test_equality": "data/collection",
    "data/test_csv_file": "data/csv_source data/csv_layout",
    "data/test_build": "data/source data/drawing",
    "data/arc/test_builder": "data/arc/generator data/arc/recipe data/arc/source data/composition",
    "data/arc/test_augmentation": "data/arc/frame",
    "data/sudoku/test_solver": "data/sudoku/geometry",
    "data/sudoku/test_kind": "data/sudoku/writing",
    "dynamics/test_lyapunov": "dynamics/growth dynamics/maps models/tangents",
    "dynamics/test_returns": "dynamics/settling dynamics/trajectory dynamics/observers",
    "models/test_srm": "dynamics/metric",
    "training/test_unrolled": "training/path_noise",
    "dynamics/test_fate": "dynamics/known_fates dynamics/late_exponent",
    "models/test_golden_models": "models/hrm models/trm models/published models/reasoner",
    "models/test_config": "models/building",
    "models/test_recurrence": "models/latent",
    "models/test_checkpoints": "models/sizes",
    "models/test_family": "models/model",
    "measurement/test_rollout": "measurement/answers measurement/judging",
    "measurement/test_parts": "measurement/shard",
    "measurement/test_scale": "measurement/scaling/ensemble measurement/scaling/method cli/scale",
    "measurement/scaling/test_particles": "measurement/scaling/damped measurement/scaling/longer "
    "measurement/scaling/path_noise measurement/scaling/random_start measurement/scaling/restarts",
    "measurement/scaling/test_symmetry": "measurement/scaling/permute",
    "analysis/test_scaling": "analysis/particles analysis/scaling_tables artifacts/scaling cli/analyze_scale "
    "plotting/scaling",
    "measurement/test_evaluation": "artifacts/evaluation",
    "measurement/test_solving": "measurement/solving_text",
    "measurement/test_voting": "cli/vote measurement/solving_task data/ballot",
    # a run from its config to its folder, step by step
    "training/test_start": "training/config training/datasets training/folder training/store training/recipes",
    "training/test_golden_training": "training/trainer training/streaming",
    "training/test_loop": "training/batches training/meter training/plan training/stopping",
    "training/test_rollouts": "training/augmentation training/objective training/registry training/halting",
    "training/test_memory": "runtime/live_bytes",
    "cuda/test_compiling": "training/compiling",
    # figures are drawn by their commands, and looked at as pictures
    "plotting/test_artifact_figures": "plotting/filmstrip plotting/latent plotting/puzzle "
    "plotting/toy plotting/trajectories plotting/basin plotting/evolution plotting/rollout plotting/selectors "
    "plotting/spectrum",
    "plotting/test_two_by_two": "plotting/study",
    "plotting/test_registry": "plotting/options",
    "plotting/test_dynamics": "plotting/columns plotting/series",
    "plotting/test_logs": "plotting/log_schema plotting/runs",
    "plotting/test_watching": "plotting/sparklines",
    "runtime/test_guard": "runtime/hub_client",
    "runtime/test_hub": "runtime/hub_errors runtime/hub_files",
    "measurement/test_processes": "runtime/threads runtime/devices",
    "cli/test_app": "runtime/interrupts runtime/output cli/completion",
    "studies/test_report": "studies/page/explorer studies/page/figures studies/page/findings studies/page/inventory "
    "studies/page/opening",
    "cli/test_data_commands": "cli/data_arc cli/data_kind cli/data_maze cli/data_sudoku",
    # a command's file parses, calls and says: its tests type it
    "cli/test_analysis_commands": "cli/aggregate cli/analyze_2x2 cli/evolution cli/select cli/survival cli/toy",
    "plotting/test_comparison": "cli/compare",
    "analysis/test_page_table": "cli/export_table",
    "cli/test_model_commands": "cli/diagnose cli/evaluate cli/export cli/inspect cli/perturb cli/rollout cli/selfcheck "
    "cli/solve",
    "cli/test_bad_input": "cli/command cli/options",
    "docs/test_commands": "cli/cite cli/demo cli/fate cli/hub_pull cli/hub_push cli/measure cli/merge cli/plot "
    "cli/report cli/results cli/schema cli/sweep cli/watch cli/within",
}
"""Files that have no test of their name, by the file of tests that holds theirs."""


def test_every_file_has_its_tests_by_name_or_by_the_list():
    named = {name.as_posix() for path in TESTS.rglob("test_*.py") for name in [path.relative_to(TESTS).with_suffix("")]}
    files = {path.relative_to(SOURCE).with_suffix("") for path in MODULES.values() if path.name != "__init__.py"}
    inside = [path for path in files if len(path.parts) > 1]
    own = {path.as_posix() for path in inside if (path.parent / f"test_{path.name}").as_posix() in named}
    listed = [name for names in ELSEWHERE.values() for name in names.split()]
    assert ELSEWHERE.keys() <= named
    assert sorted(listed) == sorted({path.as_posix() for path in inside} - own)
