"""The dispatcher: exit codes, suggestions, --json, no traceback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from unittest.mock import Mock

import pytest
from jsonschema import Draft202012Validator
from tests.docs.page_plugins import write_plugins

from rrdyn.cli.app import COMMANDS, load, main
from rrdyn.cli.command import parse
from rrdyn.cli.schema import RESULTS, schema_of


def test_version(capsys):
    assert main(["--version"]) == 0
    assert re.fullmatch(r"rrdyn \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_the_overview_lists_every_command(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(re.search(rf"^  {re.escape(name)} ", text, re.M) for name in COMMANDS)
    assert main([]) == 2


@pytest.mark.parametrize(
    ("argv", "nearest"),
    [(["diagnos"], "diagnose"), (["plott"], "plot"), (["plot", "dynamic"], "dynamics"), (["data", "suduko"], "sudoku")],
)
def test_an_unknown_command_suggests_the_nearest(argv, nearest, capsys):
    assert main(argv) == 2
    seen = capsys.readouterr()
    assert seen.out == ""
    assert f"did you mean '{nearest}'?" in seen.err


def test_a_word_like_nothing_lists_what_there_is(capsys):
    assert main(["xyzzy"]) == 2
    assert "one of demo, selfcheck" in capsys.readouterr().err


def test_a_group_alone_lists_its_commands(capsys):
    assert main(["plot"]) == 2
    assert "plot dynamics" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    assert main([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert f"usage: rrdyn {name}" in text
    assert re.search(rf"1\. rrdyn {re.escape(name)}", text), "a runnable example"
    assert "--json" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_names_types_and_defaults_plainly(name, capsys):
    assert main([*name.split(), "--help"]) == 0
    seen = capsys.readouterr()
    assert not re.search(r"None|STR|default: (True|False|\)|'')", seen.out), "a default that says nothing"
    assert seen.err == ""


@pytest.mark.parametrize(
    ("command", "argument"),
    [("diagnose", "CKPTS"), ("solve", "CKPT"), ("hub push", "PATH"), ("export", "CKPT"), ("analyze-2x2", "FILES"),
     ("plot dynamics", "LOGS"), ("select", "FILES"), ("plot latent", "STATES"), ("sweep", "FILE")],
)  # fmt: skip
def test_a_missing_argument_is_named_with_what_it_is_and_an_example(command, argument, capsys):
    assert main(command.split()) == 2
    problem, expected, example = capsys.readouterr().err.splitlines()
    assert problem == f"rrdyn: {argument} is missing"
    assert re.fullmatch(r"  expected: \S.*", expected)
    assert example.startswith(f"  try:      rrdyn {command} ")


def test_unknown_flags_are_refused_without_a_frame(capsys):
    assert main(["cite", "--bad"]) == 2
    assert capsys.readouterr().err == "rrdyn: Unrecognized options: --bad\n  try:      rrdyn cite --help\n"


@pytest.mark.parametrize(
    "words",
    [["--set", "a.b=1", "c=2", "--set", "d=3"], ["--set", "a.b=1", "--steps", "4", "--set", "c=2", "d=3"],
     ["--set=a.b=1", "--set=c=2", "--set", "d=3"]],
)  # fmt: skip
def test_an_option_of_several_values_may_stand_more_than_once(words):
    found = parse(load("train").Args, ["data", *words, "--seed", "1", "--seed", "2"], "rrdyn train")
    assert found.set == ("a.b=1", "c=2", "d=3")
    assert (found.data, found.seed) == ("data", 2)


def test_values_that_look_like_options_may_stand_more_than_once():
    words = ["a.yaml", "--slurm", "--sbatch=--partition=gpu", "--sbatch=--gpus=1"]
    found = parse(load("sweep").Args, words, "rrdyn sweep")
    assert (found.sbatch, found.slurm) == (("--partition=gpu", "--gpus=1"), True)


def test_json_is_one_object_on_stdout(capsys):
    assert main(["cite", "--json"]) == 0
    seen = capsys.readouterr()
    assert json.loads(seen.out)["command"] == "cite"


def test_details_are_shown_when_asked_for_and_kept_in_a_log_file_anyway(tmp_path, capsys):
    toy = ["toy", "--T", "20", "--n", "8", "--seeds", "0", "--out", str(tmp_path / "toy.npz")]
    assert main([*toy, "-v"]) == 0
    shown = capsys.readouterr().err
    assert re.search(r"^\d\d:\d\d:\d\d \| DEBUG \| rrdyn .*: rrdyn toy --T 20", shown, re.M)
    assert "DEBUG | rrdyn toy took " in shown
    log = tmp_path / "my log"
    assert main([*toy, "--quiet", "--log-file", str(log)]) == 0
    assert main(["inspect", str(tmp_path / "none"), "--log-file", str(log)]) == 3
    assert main(["cite"]) == 0
    seen, kept = capsys.readouterr().err, log.read_text()
    assert seen.startswith(f"rrdyn: {tmp_path / 'none'} does not exist\n"), "no details, and nothing twice"
    assert f"INFO | wrote {tmp_path / 'toy.npz'}\n" in kept
    assert f"ERROR | {tmp_path / 'none'} does not exist\n" in kept
    assert "cite" not in kept


def test_an_unforeseen_error_leaves_its_traceback_in_the_log_file_only(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("rrdyn.cli.cite.bibtex", Mock(side_effect=ValueError("odd")))
    assert main(["cite", "--log-file", str(tmp_path / "log")]) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert "Traceback" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("place", ["", "none/log", "a\0b"])
def test_a_log_file_that_cannot_be_written_is_one_message(place, tmp_path, capsys):
    assert main(["cite", "--log-file", f"{tmp_path}/{place}"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert re.fullmatch(r"rrdyn: the log file .* cannot be written\n  found: .*\n  expected: .*\n  try: .*\n", told.err)


ERRORS = {
    "diagnos x": (2, "usage", None),
    "diagnose x --k two": (2, "usage", "diagnose"),
    "plot 2x2 nowhere": (3, "input", "plot 2x2"),
    "diagnose nowhere.pt": (3, "input", "diagnose"),
    "aggregate nowhere --out a\\0b": (3, "input", "aggregate"),
}


@pytest.mark.parametrize("line", ERRORS)
def test_an_error_is_an_object_of_one_schema_too_beside_its_message(line, capsys):
    code, kind, command = ERRORS[line]
    assert main([*line.split(), "--json"]) == code
    seen = capsys.readouterr()
    answer = json.loads(seen.out)
    Draft202012Validator(schema_of("error")).validate(answer)
    assert (answer["command"], answer["error"]["kind"], answer["error"]["exit_code"]) == (command, kind, code)
    assert seen.err.startswith(f"rrdyn: {answer['error']['message']}")


def test_an_unforeseen_error_and_an_interrupt_are_answered_too(monkeypatch, capsys):
    for error, kind in ((ValueError("odd"), "runtime"), (KeyboardInterrupt(), "interrupted")):
        monkeypatch.setattr("rrdyn.cli.cite.bibtex", Mock(side_effect=error))
        main(["cite", "--json"])
        assert json.loads(capsys.readouterr().out)["error"]["kind"] == kind


def test_every_command_has_a_schema(capsys):
    assert main(["schema", "--json"]) == 0
    assert {*COMMANDS, "error"} <= set(json.loads(capsys.readouterr().out)["names"])
    assert {name.split()[0] for name in COMMANDS} <= {name.split()[0] for name in RESULTS}
    assert main(["schema", "diagnos"]) == 2
    assert "did you mean 'diagnose'?" in capsys.readouterr().err


def test_every_figure_of_ours_has_a_schema_that_knows_its_keys():
    ours = {name for name in COMMANDS if name.startswith("plot ")}
    assert ours <= set(RESULTS)
    keys = {"plot fates": {}, "plot basin": {"tags": ["a"]}, "plot perturbation": {"table": [{"alpha": 1.0}]},
            "plot dynamics": {"schema": "rrdyn", "runs": 2, "notes": []}}  # fmt: skip
    for name, told in keys.items():
        validator = Draft202012Validator(schema_of(name))
        answer = {"command": name, "wrote": ["a.png"], "kept": [], **told}
        assert validator.is_valid(answer), name
        assert not validator.is_valid({**answer, "odd": 1}), name


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_scripts_are_printed(shell):
    done = subprocess.run(
        [sys.executable, "-m", "rrdyn", "--tyro-print-completion", shell], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert {"analyze-2x2", "dynamics", "--json"} <= set(re.findall(r"[\w-]+", done.stdout))
    assert "Traceback" not in done.stderr


def test_completion_has_the_tasks_and_figures_of_plug_ins(tmp_path):
    names = write_plugins(tmp_path)
    found = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "rrdyn", "--tyro-print-completion", "bash"], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": found, "RRDYN_PLUGINS": ",".join(names)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {"latin", "heights"} <= set(re.findall(r"[\w-]+", done.stdout))


def test_a_closed_pipe_is_not_an_error():
    done = subprocess.run(f"{sys.executable} -m rrdyn cite | head -n 1", shell=True, capture_output=True, text=True)
    assert done.stdout.startswith("@misc")
    assert done.stderr == ""


def test_an_interrupt_between_the_lines_of_main_is_one_line_too(monkeypatch, capsys):
    from rrdyn.cli import app

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "main", interrupted)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert app.program() == 130
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert capsys.readouterr().err == "rrdyn: interrupted\n"
