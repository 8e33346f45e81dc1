#!/usr/bin/env bash
# How the study in this folder came about: a small TRM on 6x6 Sudoku, from nothing, by public commands; 15 minutes on two
# idle cores. Run it in an empty folder. `study/` is then what make.py draws from: the data (its test split), the logs, the
# artifacts and the tables; checkpoints are left behind.
set -euo pipefail
export OMP_NUM_THREADS=1
rrdyn data sudoku --source generate --size 6 --clues 14 --n 1000 --test-n 512 --seed 0 --out study/data
rrdyn train study/data --preset demo --log-every 50 --steps 700 --eval-every 175 --eval-n 128 --set stagger=true \
  eval.lyapunov_n=0 eval.perturbed_n=0 optim.lr_min_ratio=0.3 optim.lr=2e-3 --out run
steps=run/checkpoints/step

rrdyn toy --T 4 8 16 32 64 --n 1000 --seeds 0 1 --out study/toy.npz
rrdyn diagnose "${steps}_525" --data study/data --n 128 --k 4 --save-states 3 --out study/diag_trm.npz
rrdyn analyze-2x2 study/diag_trm.npz --out study/analysis --no-figures
for step in 175 350 525; do
  rrdyn diagnose "${steps}_$step" --data study/data --n 48 --k 2 --out "series/diag_step_$step.npz"
done
rrdyn evolution series/diag_step_*.npz --tag trm --out study/evolution --no-figures
rrdyn rollout "${steps}_525" --data study/data --n 96 --segments 64 --out rollout_trm.npz
rrdyn survival rollout_trm.npz --out study/survival --no-figures
rrdyn perturb "${steps}_525" --data study/data --n 32 --copies 4 --segments 24 --sigmas 0 0.1 0.3 1.0 --out perturb_trm.npz
rrdyn select perturb_trm.npz --out study/select --no-figures
rrdyn perturb "${steps}_525" --data study/data --n 16 --copies 2 --segments 24 --calibrate-kl 1.0 --calibrate-n 8 \
  --alphas 0.25 0.5 1.0 2.0 --cells study/cells --out perturb_cal.npz

# three arms, three seeds, a few steps each, for the figure of training curves
for aug in none-fixed single multi4; do
  for seed in 0 1 2; do
    rrdyn train study/data --preset demo-tiny --aug "$aug" --seed "$seed" --steps 40 --log-every 1 --eval-every 5 --out "arms/$aug-s$seed"
    mkdir -p study/logs && cp "arms/$aug-s$seed/train.log" "study/logs/$aug-s$seed.log"
  done
done
