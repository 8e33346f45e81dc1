#!/usr/bin/env bash
# How the study in this folder came about: a small TRM on 6x6 Sudoku, from nothing, by public commands, 15 minutes on two
# idle cores; and figures of models that come along. Run it in an empty folder, with DOCS the folder docs of a checkout.
# Kept in `study/`: the test split of the data, the logs, the artifacts and tables that make.py draws from.
set -euo pipefail
export OMP_NUM_THREADS=1
rrdyn data sudoku --source generate --size 6 --clues 14 --n 1000 --test-n 512 --seed 0 --out data
rrdyn train data --preset demo --log-every 50 --steps 700 --eval-every 175 --eval-n 128 --set stagger=true \
  eval.lyapunov_n=0 eval.perturbed_n=0 optim.lr_min_ratio=0.3 optim.lr=2e-3 --out run

rrdyn toy --T 4 8 16 32 64 --n 1000 --seeds 0 1 --out toy.npz
rrdyn diagnose run/checkpoints/step_525 --data data --n 64 --k 4 --save-states 3 --out diag_trm.npz
rrdyn analyze-2x2 diag_trm.npz --out analysis --no-figures --replicates 500
for step in 175 350 525; do
  rrdyn diagnose "run/checkpoints/step_$step" --data data --n 24 --k 1 --out "series/diag_step_$step.npz"
done
rrdyn evolution series/diag_step_*.npz --tag trm --out evolution --no-figures --replicates 500
rrdyn rollout run/checkpoints/step_525 --data data --n 48 --segments 48 --out rollout_trm.npz
rrdyn survival rollout_trm.npz --out survival --no-figures
rrdyn perturb run/checkpoints/step_525 --data data --n 16 --copies 3 --segments 20 --sigmas 0 0.3 1.0 --out perturb_trm.npz
rrdyn select perturb_trm.npz --out select --no-figures --replicates 500
rrdyn perturb run/checkpoints/step_525 --data data --n 8 --copies 2 --segments 20 --sigmas 0 --calibrate-kl 1.0 \
  --calibrate-n 4 --alphas 0.5 1.0 2.0 --cells cells --out perturb_cal.npz

# three arms, thirty steps of a very small model: for the figure of training curves
for run in none-fixed:0 single:0 multi4:0 none-fixed:1 single:1; do
  aug="${run%:*}" seed="${run#*:}"
  rrdyn train data --preset demo-tiny --aug "$aug" --seed "$seed" --steps 30 --log-every 1 --eval-every 3 \
    --out "arms/$aug-s$seed"
  mkdir -p logs && cp "arms/$aug-s$seed/train.log" "logs/$aug-s$seed.log"
done

# two steps of one training run, and the small model of the study, as they come along: fates, comparison, compute
for model in early late; do
  rrdyn fate "$DOCS/fates/$model" --n 24 --horizon 64 --multipliers 0 --out "fates/fate_$model.npz"
done
rrdyn compare fates/fate_early.npz fates/fate_late.npz --out comparison --no-figures --replicates 500
rrdyn fate "$DOCS/fates/late" --n 8 --horizon 64 --out fate_late.npz
rrdyn rollout "$DOCS/fates/late" --n 8 --segments 64 --out rollout_late.npz
rrdyn scale "$DOCS/study/checkpoint" --n 16 --budget 8 --depth 8 --methods longer restarts path-noise smc --out scale_trm.npz
rrdyn fate "$DOCS/study/checkpoint" --n 16 --horizon 64 --multipliers 0 --out fate_trm.npz
rrdyn analyze-scale scale_trm.npz --fate fate_trm.npz --out scaling --no-figures --replicates 500
