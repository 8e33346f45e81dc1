#!/usr/bin/env bash
# The reference study: TRM-MLP, TRM-attention, HRM and SRM at equal parameters and operations of training, measured in every
# way that rrdyn has, and what arms of training change.
#
#   scripts/reference_study.sh cpu [PIECE ...]    two cores, pieces of at most two hours; generated 6x6 Sudoku and 7x7 mazes
#   scripts/reference_study.sh tiny [PIECE ...]   the same path in minutes, on models too small to mean anything
#   scripts/reference_study.sh gpu [PIECE ...]    one GPU; TRM on 9x9 Sudoku from the CSV files in $CSVS
#
# Pieces, in order of priority (without any: all):
#   models fates failures arms spectra recipes starts far training scale real keep tables
# Narrowed, for processes that share the work, or replaced by the environment:
#   OUT=runs/study-SIZE   SEEDS="0 1 2"   TASKS="sudoku maze"   FAMILIES="trm att hrm srm"   ARMS="..."   RECIPES="..."   DOCS=OUT/page
#   CSVS: a folder with sudoku-extreme/ and sudoku-hard/ of 9x9 puzzles.   WEIGHTS: a folder of other people's checkpoints.
# Every step is a public command. Started again after a stop, it goes on; what is finished is kept.
set -euo pipefail
size="${1:-cpu}"
pieces=("${@:2}")
[ "${#pieces[@]}" -gt 0 ] || pieces=(models fates failures arms spectra recipes starts far training scale real keep tables)
out="${OUT:-runs/study-$size}" docs="${DOCS:-${OUT:-runs/study-$size}/page}"
read -ra seeds <<<"${SEEDS:-0 1 2}"
read -ra tasks <<<"${TASKS:-sudoku maze}"
every_family="trm att hrm srm" every_arm="none-fixed multi4 single wta4 curriculum flossing radius"
every_recipe="base raw data cycles layers width budget length"
[ "$size" != tiny ] || every_family="trm srm" every_arm="none-fixed multi4" every_recipe="base raw data"
read -ra families <<<"${FAMILIES:-$every_family}"
read -ra arms <<<"${ARMS:-$every_arm}"
read -ra recipes <<<"${RECIPES:-$every_recipe}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

# ---- sizes: 1x is 4 segments; steps are counted so that the operations of training are equal -------------------------
declare -A puzzles=(
  [sudoku]="sudoku --source generate --size 6 --clues 10"
  [maze]="maze --source generate --size 7 --loops 0"
)
declare -A model=(
  [trm]="" [hrm]="model.name=hrm model.H_layers=1 model.L_layers=1 model.H_cycles=6 model.L_cycles=3" [srm]=""
  [att]="model.mlp_t=false model.pos_encodings=rope"
)
declare -A wide=([sudoku]="model.hidden_size=72" [maze]="model.hidden_size=80") # of att, for as many parameters
declare -A steps=(
  [trm.sudoku]=800 [att.sudoku]=968 [hrm.sudoku]=615 [srm.sudoku]=578
  [trm.maze]=800 [att.maze]=829 [hrm.maze]=615 [srm.maze]=517
)
declare -A lr=([trm]=4e-3 [att]=1e-3 [hrm]=4e-3 [srm]=4e-3) # att as small-att has it: at 4e-3 it learns nothing
many=(--n 1000 --test-n 512 --val-groups 128) short=() evaluated=512 diagnosed=256 followed=64 escaping=64 k=4
horizon=512 watched=32 first=250 second=500 few=(--n 250)
far=(--segments 1024 --stop-after 64) restarts=(--n 64 --copies 4 --segments 12 --alphas 0 0.5 1 2 4)
arm_steps=(--steps 150 --eval-every 50) scaled=(--n 32 --budget 64)
real=(--steps 800 --eval-every 200) real_n=512
case "$size" in
cpu) ;;
tiny)
  many=(--n 64 --test-n 16 --val-groups 8)
  puzzles=([sudoku]="sudoku --source generate --size 4 --clues 8" [maze]="maze --source generate --size 5 --loops 0")
  short=(--eval-every 1 --eval-n 8 --batch 8)
  for one in "${!steps[@]}"; do steps[$one]=4; done
  small="model.hidden_size=16 model.H_cycles=2 model.L_cycles=1 eval.perturbed_n=4 eval.lyapunov_n=1"
  wide=([sudoku]="" [maze]="")
  evaluated=16 diagnosed=12 followed=6 escaping=6 k=2 horizon=24
  far=(--segments 16 --stop-after 8) watched=4 first=1 second=2 few=(--n 16)
  restarts=(--n 4 --copies 2 --segments 8 --calibrate-n 4 --alphas 0 1)
  arm_steps=(--steps 2 --eval-every 2 --eval-n 8 --batch 4) scaled=(--n 4 --budget 2)
  real=(--steps 4 "${short[@]}") real_n=8
  ;;
gpu) # sizes of the source study; never run
  tasks=(sudoku) families=(trm) recipes=(base raw) watched=512 first=5000 second=10000
  puzzles=([sudoku]="sudoku --source csv --train ${CSVS:-CSVS}/train.csv --test ${CSVS:-CSVS}/test.csv --aug 1000")
  many=(--n 1000) steps=([trm.sudoku]=20000) evaluated=2048 diagnosed=2048 followed=512 escaping=256 k=8 horizon=4096
  far=(--segments 4096 --stop-after 64)
  restarts=(--n 96 --copies 8 --segments 64) arm_steps=(--steps 2000 --batch 16 --eval-every 500 --eval-n 1024)
  ;;
*)
  echo "usage: $0 cpu|tiny|gpu [PIECE ...]" >&2
  exit 2
  ;;
esac
# noise that changes answers of models so small: the published scales (3e-5 to 3e-3) change none
declare -A noise=(
  [multi4]="aug.noise.sigma_min=0.03 aug.noise.sigma_max=1.0" [wta4]="aug.noise.sigma_min=0.03 aug.noise.sigma_max=1.0"
  [single]="aug.noise.sigma=0.3" [curriculum]="aug.noise.sigma=0.3 aug.noise.warmup_steps=15 aug.noise.ramp_steps=45"
)

data() { echo "$out/$1/data"; }
folder() { echo "$out/$1/${2}_s$3"; }             # task, family, seed
weights() { echo "$(folder "$@")/checkpoints/last"; }

# make FILE INPUT COMMAND ...: nothing where FILE is younger than INPUT. (Measurements know by themselves what is done.)
make() {
  [ "$1" -nt "$2" ] || rrdyn "${@:3}" --quiet
}

# each FUNCTION: for every model, in the order in which they are wanted
each() {
  for family in "${families[@]}"; do
    for task in "${tasks[@]}"; do
      for seed in "${seeds[@]}"; do "$1" "$task" "$family" "$seed"; done
    done
  done
}

set_of() { # task, family: what --set is told
  local words="${model[$2]} model.halt_max_steps=4"
  [ "$2" = att ] && words+=" ${wide[$1]}"
  [ "$size" = tiny ] && words+=" $small"
  [ "$size" = gpu ] && words=""
  echo "$words"
}

preset_of() { # task, family
  case "$size.$2" in
  gpu.*) echo sudoku-trm-mlp ;;
  *.srm) echo "$1-small-srm" ;;
  *) echo "$1-small" ;;
  esac
}

# ---- models ----------------------------------------------------------------------------------------------------------
train() {
  local changed rate=(--lr "${lr[$2]}") words=()
  read -ra changed <<<"$(set_of "$1" "$2")"
  [ "$size" = gpu ] && rate=()
  [ "${#changed[@]}" -eq 0 ] || words=(--set "${changed[@]}")
  rrdyn train "$(data "$1")" --preset "$(preset_of "$1" "$2")" --seed "$3" --steps "${steps[$2.$1]}" "${rate[@]}" \
    --out "$(folder "$@")" "${words[@]}" "${short[@]}" --quiet
  make "$(folder "$@")/evaluation.json" "$(weights "$@")/meta.json" \
    evaluate "$(weights "$@")" --n "$evaluated" --out "$(folder "$@")/evaluation.json"
}
models() {
  local words
  for task in "${tasks[@]}"; do
    read -ra words <<<"${puzzles[$task]}"
    rrdyn data "${words[@]}" "${many[@]}" --seed 0 --out "$(data "$task")" --quiet
  done
  each train
}

# ---- what becomes of every puzzle, with the multipliers of what settles ----------------------------------------------
fate() {
  rrdyn fate "$(weights "$@")" --n "$followed" --horizon "$horizon" --out "$(folder "$@")/fate.npz" --quiet
}
fates() { each fate; }

# ---- and of every test puzzle, for the few failures of TRMs ----------------------------------------------------------
failure() {
  [ "$2" = trm ] || return 0
  rrdyn fate "$(weights "$@")" --n "$evaluated" --horizon "$horizon" --multipliers 0 --out "$(folder "$@")/failures.npz" --quiet
}
failures() { each failure; }

# ---- arms: fine-tuned from each TRM of Sudoku, and judged beside none-fixed ------------------------------------------
arms() {
  local arm seed at changed words
  for arm in "${arms[@]}"; do
    for seed in "${seeds[@]}"; do
      at="$out/arms/$arm/s$seed"
      read -ra changed <<<"${noise[$arm]:-}"
      words=()
      [ "${#changed[@]}" -eq 0 ] || words=(--set "${changed[@]}")
      rrdyn train "$(data sudoku)" --preset "$(preset_of sudoku trm)" --init "$(weights sudoku trm "$seed")" --aug "$arm" \
        --seed "$seed" "${arm_steps[@]}" --out "$at" "${words[@]}" --quiet
      rrdyn diagnose "$at/checkpoints/last" --n "$evaluated" --k 1 --out "$at/diag/diag.npz" --quiet
      rrdyn fate "$at/checkpoints/last" --n "$followed" --horizon "$horizon" --multipliers 0 --out "$at/fate.npz" --quiet
    done
  done
  rrdyn aggregate "$out/arms" --out "$out/aggregate" --quiet
}

# ---- exponents, the 2x2 where it may be read, and what lambda_1 adds -------------------------------------------------
spectrum() {
  local at
  at="$(folder "$@")"
  rrdyn diagnose "$(weights "$@")" --n "$diagnosed" --k "$k" --out "$at/diag.npz" --quiet
  make "$at/analysis/results_diag.json" "$at/diag.npz" \
    analyze-2x2 "$at/diag.npz" --fate "$at/fate.npz" --tag diag --out "$at/analysis"
}
spectra() { each spectrum; }

# ---- restarts from starts that move the answers equally (KL) ---------------------------------------------------------
start() {
  local at
  at="$(folder "$@")"
  rrdyn perturb "$(weights "$@")" "${restarts[@]}" --calibrate-kl 1.0 --out "$at/perturb.npz" --quiet
  make "$at/select/select_perturb.json" "$at/perturb.npz" select "$at/perturb.npz" --out "$at/select" --no-figures
}
starts() { each start; }

# ---- far past the budget ---------------------------------------------------------------------------------------------
beyond() {
  rrdyn rollout "$(weights "$@")" "${far[@]}" --n "$escaping" --out "$(folder "$@")/rollout.npz" --quiet
}
far() {
  each beyond
  for task in "${tasks[@]}"; do
    rrdyn survival "$out/$task"/*/rollout.npz --out "$out/$task/survival" --quiet
  done
}

# ---- inference compute in four ways (scripts/scaling_study.py has them all) ------------------------------------------
compute() {
  local at
  at="$(folder "$@")"
  rrdyn scale "$(weights "$@")" "${scaled[@]}" --methods longer restarts path-noise random-start \
    --out "$at/scale.npz" --quiet
  make "$at/scaling/scaling_scale.json" "$at/scale.npz" \
    analyze-scale "$at/scale.npz" --fate "$at/fate.npz" --no-figures --out "$at/scaling"
}
scale() { each compute; }

# ---- over the checkpoints of training --------------------------------------------------------------------------------
series() {
  local at path found=()
  at="$(folder "$@")"
  rrdyn diagnose "$at"/checkpoints/step_* --n "$diagnosed" --k 1 --out "$at/series" --quiet
  for path in "$at"/checkpoints/step_*; do found+=("$at/series/diag_$(basename "$path").npz"); done
  make "$at/evolution/evolution_training.json" "${found[-1]}" evolution "${found[@]}" --tag training --out "$at/evolution"
}
training() { each series; }

# ---- real puzzles and other people's models: only statistics are kept ------------------------------------------------
real() {
  local at="$out/real" kind path
  if [ -n "${CSVS:-}" ]; then
    rrdyn data sudoku --source csv --train "$CSVS/sudoku-extreme/train.csv" --test "$CSVS/sudoku-extreme/test.csv" \
      --n 1000 --aug 20 --seed 0 --out "$at/data/extreme" --quiet
    rrdyn data sudoku --source csv --train "$CSVS/sudoku-hard/train.csv" --test "$CSVS/sudoku-hard/test.csv" \
      --n 1000 --seed 0 --out "$at/data/hard" --quiet
    rrdyn train "$at/data/extreme" --preset sudoku-small --seed 0 --lr 2e-3 --out "$at/trm" "${real[@]}" \
      --set model.halt_max_steps=4 model.hidden_size=96 --quiet
    for kind in extreme hard; do
      make "$at/$kind/evaluation.json" "$at/trm/checkpoints/last/meta.json" \
        evaluate "$at/trm/checkpoints/last" --data "$at/data/$kind" --n "$real_n" \
        --out "$at/$kind/evaluation.json"
      rrdyn fate "$at/trm/checkpoints/last" --data "$at/data/$kind" --n "$followed" --multipliers 0 \
        --out "$at/$kind/fate.npz" --quiet
    done
  fi
  for path in ${WEIGHTS:+"$WEIGHTS"/*.pt}; do
    kind="$(basename "$path" .pt)"
    rrdyn fate "$path" --n "$followed" --multipliers 0 --out "$at/$kind/fate.npz" --quiet
  done
}

# ---- what sets states in motion as training goes on: the TRM of Sudoku, one thing of its recipe changed at a time --------
# raw: the last weights, as an EMA of rate 0 leaves them
declare -A changes=(
  [cycles]="model.L_cycles=1" [layers]="model.L_layers=1" [width]="model.hidden_size=48" [budget]="model.halt_max_steps=8"
)
recipes() {
  local name seed at learned from n changed more
  read -ra changed <<<"${puzzles[sudoku]}"
  rrdyn data "${changed[@]}" "${many[@]}" "${few[@]}" --seed 0 --out "$out/recipes/few" --quiet
  for name in "${recipes[@]}"; do
    for seed in "${seeds[@]}"; do
      at="$out/recipes/$name/s$seed" learned="$at" more=(--multipliers 0)
      from="$(data sudoku)" n="${steps[trm.sudoku]}"
      case "$name" in
      base) learned="$(folder sudoku trm "$seed")" more=() ;;
      raw) learned="$(folder sudoku trm "$seed")" more+=(--weights raw) ;;
      *)
        [ "$name" != data ] || from="$out/recipes/few"
        [ "$name" != length ] || n=$((2 * n))
        read -ra changed <<<"$(set_of sudoku trm) ${changes[$name]:-}"
        rrdyn train "$from" --preset "$(preset_of sudoku trm)" --seed "$seed" --steps "$n" --lr "${lr[trm]}" --out "$at" \
          --set "${changed[@]}" "${short[@]}" --quiet
        ;;
      esac
      rrdyn fate "$learned"/checkpoints/step_{"$first","$second","$n"} --data "$(data sudoku)" --n "$watched" --horizon 256 \
        --out "$at/fates" "${more[@]}" --quiet
    done
  done
}

# ---- what is kept of it: weights for others, a row a puzzle, the tables ------------------------------------------------
kept() {
  local to="$docs/models/$1_$2_s$3" one
  [ -e "$(folder "$@")/evaluation.json" ] || return 0
  make "$to/meta.json" "$(weights "$@")/meta.json" \
    export "$(weights "$@")" "$to" --layout rrdyn --data "$docs/models/data/$1"
  for one in evaluation.json fate.npz failures.npz analysis/points_diag.csv; do
    [ ! -e "$(folder "$@")/$one" ] || cp "$(folder "$@")/$one" "$to"
  done
}
keep() {
  local task
  for task in "${tasks[@]}"; do
    [ -e "$docs/models/data/$task" ] || [ ! -e "$(data "$task")" ] || {
      mkdir -p "$docs/models/data"
      rm -rf "$docs/models/data/$task.part"
      cp -r "$(data "$task")" "$docs/models/data/$task.part"
      mv "$docs/models/data/$task.part" "$docs/models/data/$task"
    }
  done
  each kept
}
tables() { python "$here/study_tables.py" "$out" --out "$docs"; }

for piece in "${pieces[@]}"; do
  case "$piece" in
  models | fates | failures | arms | spectra | recipes | starts | far | training | scale | real | keep | tables) ;;
  *)
    echo "no such piece: $piece" >&2
    exit 2
    ;;
  esac
done
for piece in "${pieces[@]}"; do
  echo "== $piece" >&2
  "$piece"
done
