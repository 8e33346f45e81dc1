#!/usr/bin/env bash
# The reference study: train TRM and HRM, measure how they succeed and fail, and hold multi4 against its baseline.
#
#   scripts/reference_study.sh cpu [OUT]         two cores, about an hour; generated 6x6 Sudoku and 7x7 mazes
#   scripts/reference_study.sh gpu [OUT] CSVS    one GPU; CSVS holds train.csv and test.csv of 9x9 Sudoku
#   scripts/reference_study.sh tiny [OUT]        the same path in two minutes, on models too small to mean anything
#
# OUT defaults to runs/study-SIZE. Started again after a stop, it goes on; what is finished is kept.
set -euo pipefail
size="${1:-cpu}" out="${2:-runs/study-${1:-cpu}}" csvs="${3:-}"

seeds=(0 1 2)
wide=(--set aug.noise.sigma_min=0.03 aug.noise.sigma_max=1.0) # narrower noise changes no answer of a small model
case "$size" in
tiny)
  tasks=(trm hrm) steps=(--steps 24 --eval-every 12 --eval-n 16 --batch 16)
  arm_steps=(--steps 4 --eval-every 2 --batch 4)
  n=24 k=2 budget=8 series_n=8 arm_k=2 far=32 far_n=16 restarts=(--n 8 --copies 2 --segments 12 --calibrate-n 4) split=(--devices 1)
  ;;
cpu)
  tasks=(trm hrm maze) steps=() arm_steps=()
  n=512 k=8 budget=8 series_n=128 arm_k=4 far=128 far_n=256 restarts=(--n 64 --copies 4 --segments 24 --alphas 0 0.5 1 2 4) split=(--devices 2)
  ;;
gpu)
  tasks=(trm) steps=(--steps 20000 --eval-every 2500 --eval-n 1024)
  arm_steps=(--steps 2000 --batch 16 --eval-every 500 --eval-n 1024)
  n=2048 k=8 budget=16 series_n=512 arm_k=8 far=128 far_n=256 restarts=(--n 96 --copies 8 --segments 48) split=(--devices 1)
  wide=(--ramp-steps 500)
  ;;
*)
  echo "usage: $0 cpu|gpu|tiny [OUT] [CSVS]" >&2
  exit 2
  ;;
esac

# ---- data ------------------------------------------------------------------------------------------------------------
if [ "$size" = gpu ]; then
  rrdyn data sudoku --source csv --train "${csvs:?the folder with train.csv and test.csv}/train.csv" \
    --test "$csvs/test.csv" --n 1000 --aug 1000 --out "$out/data/trm"
  preset_trm=sudoku-trm-mlp
else
  rrdyn data sudoku --source generate --size 6 --clues 10 --n 1000 --test-n 512 --out "$out/data/trm"
  rrdyn data sudoku --source generate --size 6 --clues 20 --n 1000 --test-n 512 --out "$out/data/hrm"
  rrdyn data maze --source generate --size 7 --method carve --split-by puzzle --loops 0 --n 1000 --test-n 512 --out "$out/data/maze"
  preset_trm=sudoku-small preset_hrm=sudoku-small-hrm preset_maze=maze-small
fi

# ---- train: TRM from three seeds, the others from one ----------------------------------------------------------------
for task in "${tasks[@]}"; do
  preset="preset_$task"
  for seed in "${seeds[@]}"; do
    if [ "$task" = trm ] && [ "$size" != gpu ] || [ "$seed" = 0 ]; then
      rrdyn train "$out/data/$task" --preset "${!preset}" --seed "$seed" "${steps[@]}" --out "$out/$task/s$seed"
    fi
  done
done

# ---- measure each model of seed 0, and analyse -----------------------------------------------------------------------
for task in "${tasks[@]}"; do
  last="$out/$task/s0/checkpoints/last"
  rrdyn evaluate "$last" --n "$n" --segments "$budget" --out "$out/evaluate/$task.json"
  rrdyn diagnose "$last" --n "$n" --k "$k" --segments "$budget" "${split[@]}" --out "$out/diag/diag_$task.npz"
  rrdyn analyze-2x2 "$out/diag/diag_$task.npz" --out "$out/analysis/$task" # apart: their clocks differ
  rrdyn diagnose "$out/$task/s0"/checkpoints/step_* --n "$series_n" --k 1 --segments "$budget" "${split[@]}" \
    --out "$out/series/$task"
  rrdyn evolution "$out/series/$task"/*.npz --tag "$task" --out "$out/evolution"
  rrdyn rollout "$last" --segments "$far" --n "$far_n" "${split[@]}" --out "$out/rollout/rollout_$task.npz"
  rrdyn perturb "$last" "${restarts[@]}" --readout "$budget" --calibrate-kl 1.0 "${split[@]}" --cells "$out/cells" \
    --out "$out/perturb/perturb_$task.npz"
done
rrdyn survival "$out"/rollout/rollout_*.npz --readout "$budget" --out "$out/survival"
rrdyn select "$out"/perturb/perturb_*.npz --out "$out/select"

# ---- multi4 beside whole rollouts without noise, from the same checkpoints -------------------------------------------
for seed in "${seeds[@]}"; do
  start="$out/trm/s$seed/checkpoints/last"
  [ -e "$start" ] || start="$out/trm/s0/checkpoints/last" # gpu: one pretraining
  for arm in none-fixed multi4; do
    changes=()
    [ "$arm" = multi4 ] && changes=("${wide[@]}")
    rrdyn train "$out/data/trm" --preset "$preset_trm" --init "$start" --aug "$arm" --seed "$seed" "${arm_steps[@]}" \
      "${changes[@]}" --out "$out/arms/$arm/s$seed"
    rrdyn diagnose "$out/arms/$arm/s$seed/checkpoints/last" --n "$n" --k "$arm_k" --segments "$budget" "${split[@]}" \
      --out "$out/arms/$arm/s$seed/diag/diag.npz"
  done
done
rrdyn aggregate "$out/arms" --out "$out/aggregate"
rrdyn plot dynamics "$out/arms" --out "$out/figures/arms"
rrdyn plot dynamics "$out/trm" --out "$out/figures/training"
rrdyn report "$out"
