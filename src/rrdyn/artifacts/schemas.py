"""Every npz artifact of the toolkit. N puzzles, S budgeted segments, T rolled-out segments, k exponents, K restarts."""

from __future__ import annotations

from rrdyn.artifacts.schema import Array, Schema

DIAG = Schema(
    name="diag",
    version=1,
    doc="latent dynamics of each puzzle over the budgeted segments, written by rrdyn diagnose",
    made_by="rrdyn diagnose CKPT",
    arrays={
        "drift_zH": Array(dims="N S", kind="float", doc="||z_H(t) - z_H(t-1)||, L2 over positions and hidden"),
        "drift_zL": Array(
            dims="N S", kind="float", required=False, doc="||z_L(t) - z_L(t-1)||, L2; none where the state has one part"
        ),
        "q_halt": Array(dims="N S", kind="float", doc="halt logit after each segment"),
        "q_continue": Array(dims="N S", kind="float", doc="continue logit after each segment"),
        "lyap_spec": Array(dims="N k", kind="float", doc="finite-time exponents, nats per sub-update, descending"),
        "lambda_certified": Array(
            dims="N",
            kind="float",
            required=False,
            doc="lambda_1 in the norm of the model's certificate, nats per sub-update: below its exponent in meta",
        ),
        "exact_correct": Array(dims="N", kind="bool", doc="whole answer right at the last segment"),
        "token_acc": Array(dims="N", kind="float", doc="fraction of labelled tokens right at the last segment"),
        "halted_at": Array(
            dims="N", kind="int", doc="first segment that halts by the model's own rule (1-based); S if none"
        ),
        "q_halt_positive_at": Array(
            dims="N",
            kind="int",
            required=False,
            doc="first segment with q_halt > 0 (the source study); S if none",
        ),
        "idx": Array(dims="N", kind="int", doc="index of the puzzle in its dataset split"),
        "asked": Array(
            dims="N",
            kind="int",
            required=False,
            doc="labelled tokens of the puzzle; where 0 nothing can be right, and analyses leave the puzzle out",
        ),
        "valid": Array(
            dims="N",
            kind="bool",
            required=False,
            doc="the kind's own checker accepts the answer at the last segment, whatever the label",
        ),
        "return_distance": Array(
            dims="N S P",
            kind="float",
            required=False,
            doc="||z(t) - z(t-p)|| / max over the trajectory of ||z||, joint state, p = 1..P; NaN where t < p",
        ),
        "log_r": Array(dims="N S k", kind="float", required=False, doc="sum of log|R_ii| a segment, nats, QR order"),
        "preds": Array(dims="N S L", kind="int", required=False, doc="predicted tokens after each segment"),
        "residual": Array(dims="N S", kind="float", required=False, doc="||F(z) - z|| / ||z|| of the joint state"),
        "difficulty": Array(dims="N", kind="float", required=False, doc="rating of the puzzle in its dataset"),
        "path_valid": Array(dims="N", kind="bool", required=False, doc="maze: predicted cells connect S to G"),
        "lyap_drift": Array(
            dims="N k",
            kind="float",
            required=False,
            doc="exponent of the second half minus that of the first, nats per sub-update: not converged where large",
        ),
        "clipped": Array(
            dims="N",
            kind="int",
            required=False,
            doc="logs clipped at 1e-30 (-69.08 each), as where a Jacobian is 0: exponents they enter mean nothing",
        ),
        "lyap_low": Array(dims="N k", kind="float", required=False, doc="95% batch-means interval of the exponent"),
        "lyap_high": Array(dims="N k", kind="float", required=False, doc="its upper end, nats per sub-update"),
        "kaplan_yorke": Array(dims="N", kind="float", required=False, doc="Kaplan-Yorke dimension of the k exponents"),
        "kaplan_yorke_bounded": Array(
            dims="N", kind="bool", required=False, doc="false where the k exponents sum to more than 0: a lower bound"
        ),
    },
)

ROLLOUT = Schema(
    name="rollout",
    version=1,
    doc="exactness and drift far past the budget, written by rrdyn rollout",
    made_by="rrdyn rollout CKPT",
    arrays={
        "exact": Array(dims="N T", kind="bool", doc="whole answer right after each segment"),
        "drift": Array(dims="N T", kind="float", doc="||z_H(t) - z_H(t-1)||; the first column is measured from z0"),
        "idx": Array(dims="N", kind="int", required=False, doc="index of the puzzle in its dataset split"),
        "path_valid": Array(dims="N T", kind="bool", required=False, doc="maze: path validity after each segment"),
        "asked": Array(dims="N", kind="int", required=False, doc="labelled tokens of the puzzle; 0: left out of rates"),
        "valid": Array(dims="N T", kind="bool", required=False, doc="the kind's own checker accepts the answer"),
        "return_distance": Array(
            dims="N T P",
            kind="float",
            required=False,
            doc="||z(t) - z(t-p)|| / max over the trajectory of ||z||, joint state, p = 1..P; NaN where t < p",
        ),
    },
)

PERTURB = Schema(
    name="perturb",
    version=1,
    doc="restarts from perturbed initial states, written by rrdyn perturb",
    made_by="rrdyn perturb CKPT",
    arrays={
        "solve": Array(dims="N sigma K", kind="bool", doc="right at any segment"),
        "base": Array(dims="N", kind="bool", doc="the unperturbed run right at the readout segment"),
        "sigmas": Array(dims="sigma", kind="float", doc="noise scale, in units of noise_unit"),
        "idx": Array(dims="N", kind="int", required=False, doc="index of the puzzle in its dataset split"),
        "asked": Array(dims="N", kind="int", required=False, doc="labelled tokens of the puzzle; 0: left out of rates"),
        "correct": Array(dims="N sigma K T", kind="bool", required=False, doc="right after each segment"),
        "q_halt": Array(dims="N sigma K T", kind="float", required=False, doc="halt logit after each segment"),
        "drift": Array(dims="N sigma K T", kind="float", required=False, doc="||z_H(t) - z_H(t-1)||"),
        "kl": Array(
            dims="N sigma K T", kind="float", required=False, doc="KL(perturbed || clean), nats per scored cell"
        ),
        "correct_mass": Array(dims="N sigma K T", kind="float", required=False, doc="mean mass on the right token"),
        "preds": Array(dims="N sigma K L", kind="int", required=False, doc="predicted tokens at the readout segment"),
        "residual": Array(dims="N sigma K T", kind="float", required=False, doc="||F(z) - z|| / ||z||"),
        "return_distance": Array(
            dims="N sigma K T P",
            kind="float",
            required=False,
            doc="||z(t) - z(t-p)|| / max over the trajectory of ||z||, joint state, p = 1..P; NaN where t < p",
        ),
        "lambda_1": Array(dims="N sigma K", kind="float", required=False, doc="leading exponent, nats per sub-update"),
        "noise_norm": Array(dims="N sigma K", kind="float", required=False, doc="realised L2 norm of the added noise"),
    },
)

EVALUATION = Schema(
    name="evaluation",
    version=1,
    doc="answers after every segment, written by rrdyn measure evaluation",
    made_by="rrdyn measure evaluation CKPT",
    arrays={
        "exact": Array(dims="N S", kind="bool", doc="whole answer right after each segment; false once it has left"),
        "token_acc": Array(dims="N S", kind="float", doc="fraction of labelled tokens right after each segment"),
        "q_halt": Array(dims="N S", kind="float", doc="halt logit after each segment"),
        "preds": Array(dims="N S L", kind="int", doc="predicted tokens after each segment"),
        "halted_at": Array(dims="N", kind="int", doc="first segment that halts by the model's own rule; S if none"),
        "idx": Array(dims="N", kind="int", doc="index of the puzzle in its dataset split"),
    },
)

FATE = Schema(
    name="fate",
    version=1,
    doc="what becomes of each puzzle's state past the budget, written by rrdyn fate",
    made_by="rrdyn fate CKPT",
    arrays={
        "fate": Array(dims="N", kind="int", doc="code into meta.fates"),
        "period": Array(dims="N", kind="int", doc="segments after which it returns, 1 of a fixed point; else 0"),
        "settled_at": Array(dims="N", kind="int", doc="first segment on its fixed point or cycle (0: z0); else -1"),
        "return_distance": Array(dims="N P", kind="float", doc="||z(t) - z(t-p)|| at the end, over the largest norm"),
        "lambda_late": Array(dims="N", kind="float", doc="leading exponent of the last stretch, nats per sub-update"),
        "lambda_low": Array(dims="N", kind="float", doc="95% interval of lambda_late, its lower end"),
        "lambda_high": Array(dims="N", kind="float", doc="95% interval of lambda_late, its upper end"),
        "right_budget": Array(dims="N", kind="bool", doc="whole answer right at the budget"),
        "right_end": Array(dims="N", kind="bool", doc="whole answer right when last followed"),
        "right_at": Array(dims="N", kind="int", doc="first segment from which it stays right; -1 if wrong at the end"),
        "lost": Array(dims="N", kind="bool", doc="right at the budget, wrong at the end"),
        "idx": Array(dims="N", kind="int", doc="index of the puzzle in its dataset split"),
        "asked": Array(dims="N", kind="int", required=False, doc="labelled tokens of the puzzle; 0: it has no answer"),
        "tolerance": Array(dims="N", kind="float", required=False, doc="return distance that counts as 0"),
        "followed": Array(dims="N", kind="int", required=False, doc="segments followed until the fate was decided"),
        "restart_fate": Array(dims="N K", kind="int", required=False, doc="fates of perturbed restarts, as fate"),
        "restart_period": Array(dims="N K", kind="int", required=False, doc="their periods, as period"),
        "restart_right_budget": Array(dims="N K", kind="bool", required=False, doc="their answers at the budget"),
        "restart_right_end": Array(dims="N K", kind="bool", required=False, doc="their answers when last followed"),
        "multiplier_re": Array(
            dims="N m", kind="float", required=False, doc="leading eigenvalues of one period, real part; NaN if none"
        ),
        "multiplier_im": Array(dims="N m", kind="float", required=False, doc="their imaginary part"),
        "refined_residual": Array(
            dims="N", kind="float", required=False, doc="||F^p(z) - z|| / ||z|| of the point refined in float64"
        ),
    },
)

SCALE = Schema(
    name="scale",
    version=1,
    doc="what every particle of every method answers after every segment, written by rrdyn scale",
    made_by="rrdyn scale CKPT",
    arrays={
        "right": Array(dims="N C", kind="bool", doc="whole answer right; column c is of one particle and segment"),
        "q_halt": Array(dims="N C", kind="float", doc="halt logit, less the continue logit where there is one"),
        "residual": Array(dims="N C", kind="float", doc="||F(z) - z|| / ||z|| of the segment that led there"),
        "return_distance": Array(dims="N C", kind="float", doc="smallest return distance, over the largest norm"),
        "answer": Array(dims="N C", kind="int", doc="number of the answer among the puzzle's, in order of appearance"),
        "lambda_1": Array(dims="N C", kind="float", required=False, doc="leading exponent so far, nats per sub-update"),
        "evaluations": Array(dims="N M", kind="int", doc="sub-updates that were evaluated for each method"),
        "method": Array(dims="C", kind="int", doc="code into meta.methods"),
        "population": Array(dims="C", kind="int", doc="particles that depend on each other; 0: on none"),
        "particle": Array(dims="C", kind="int", doc="from 0"),
        "segment": Array(dims="C", kind="int", doc="from 1"),
        "idx": Array(dims="N", kind="int", doc="index of the puzzle in its dataset split"),
        "asked": Array(dims="N", kind="int", required=False, doc="labelled tokens of the puzzle; 0: left out of rates"),
    },
)

VOTES = Schema(
    name="votes",
    version=1,
    doc="answers of a task's copies, mapped back to the original, written by rrdyn vote",
    made_by="rrdyn vote CKPT",
    arrays={
        "task": Array(dims="N", kind="int", doc="group of the copy in its dataset split; code into meta.task_names"),
        "question": Array(dims="N", kind="int", doc="which of the task's questions, from 0"),
        "identifier": Array(dims="N", kind="int", doc="puzzle identifier of the copy in its dataset"),
        "answer": Array(dims="N", kind="int", doc="a digest of the answer mapped back: equal for equal answers"),
        "right": Array(dims="N", kind="bool", doc="the answer mapped back is the right one"),
        "exact": Array(dims="N", kind="bool", doc="every labelled token is right, as rrdyn evaluate counts"),
        "q_halt": Array(dims="N", kind="float", doc="halt logit at the end of the budget"),
        "preds": Array(dims="N L", kind="int", doc="tokens of the answer mapped back, in the corner of the frame"),
        "idx": Array(dims="N", kind="int", doc="index of the copy's question in its dataset split"),
        "asked": Array(dims="N", kind="int", required=False, doc="labelled tokens; 0: the answer is not known"),
    },
)

TOY = Schema(
    name="toy",
    version=1,
    doc="the transient-chaos toy at several readout times, written by rrdyn toy",
    made_by="rrdyn toy",
    arrays={
        "T": Array(dims="R", kind="int", doc="readout times"),
        "seeds": Array(dims="Z", kind="int", doc="seeds"),
        "ftle": Array(dims="R Z M", kind="float", doc="finite-time exponent of each trajectory, nats per step"),
        "success": Array(dims="R Z M", kind="bool", doc="captured and near the solution at readout"),
    },
)

STATES = Schema(
    name="states",
    version=1,
    doc="full latent states, written by rrdyn diagnose --save-states, and the last ones by rrdyn rollout --keep-state",
    made_by="rrdyn diagnose CKPT --save-states 0",
    arrays={
        "z_H": Array(dims="N T1 S D", kind="float", doc="z_H after each segment, the initial or earliest state first"),
        "z_L": Array(dims="N T1 S D", kind="float", doc="z_L after each segment, the initial or earliest state first"),
        "idx": Array(dims="N", kind="int", doc="index of the puzzle in its dataset split"),
        "largest_norm": Array(
            dims="N", kind="float", required=False, doc="of a rollout's last states: largest norm it has had so far"
        ),
    },
)

SCHEMAS = {schema.name: schema for schema in (DIAG, ROLLOUT, PERTURB, EVALUATION, FATE, SCALE, VOTES, TOY, STATES)}
