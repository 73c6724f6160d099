"""What PyTorch does where its own samples do not look: writes steps.json, rates.json and averages.json.

    python write.py

Optimizers get the same gradients whatever the parameters, so that each step is compared, not a training. The state
after half of the steps is kept too: loaded here, it must lead to the same end.
"""

import json
import math
import os

import torch
from torch.optim import lr_scheduler as schedulers
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = [(4, 3), (3,), (2, 3, 4), (2, 5)]
STEPS = 12


def draw(generator):
    return [torch.randn(shape, generator=generator, dtype=torch.float64).float() for shape in SHAPES]


GENERATOR = torch.Generator().manual_seed(0)
START = draw(GENERATOR)
GRADIENTS = [draw(GENERATOR) for _ in range(STEPS)]


def number(x):
    return x if math.isfinite(x) else {"float": str(x)}


def written(value):
    if isinstance(value, torch.Tensor):
        values = [number(x) for x in value.double().flatten().tolist()]
        return {"tensor": {"dtype": str(value.dtype)[6:], "shape": list(value.shape), "values": values}}
    if isinstance(value, dict):
        return {"map": [[key, written(x)] for key, x in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"list": [written(x) for x in value]}
    return number(value) if isinstance(value, float) else value


# Optimizer, options, which parameters, and what is out of the ordinary.
CASES = [
    ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.05, maximize=True), [0, 1, 2, 3], {}),
    ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True), [0, 1], {"missing": True}),
    ("SGD", dict(lr=0.1, momentum=0.9), [0, 1], {"groups": [{}, dict(lr=0.01, momentum=0.5)]}),
    ("SGD", dict(lr=0.1, momentum=0.5), [0, 1], {"dtype": "float64"}),
    ("SGD", dict(lr=0.125), [0, 1], {"dtype": "bfloat16"}),
    ("Adam", dict(lr=0.01, betas=(0.0, 0.9), eps=1e-3), [0, 1, 2], {}),
    ("Adam", dict(lr=0.01, betas=(0.3, 0.9), amsgrad=True, maximize=True), [0, 1], {"missing": True}),
    ("Adam", dict(lr=0.01, weight_decay=0.1, decoupled_weight_decay=True), [0, 1], {}),
    ("AdamW", dict(lr=0.01, weight_decay=0.3, amsgrad=True, maximize=True), [0, 1], {"dtype": "float64"}),
    ("AdamW", dict(lr=0.01), [0, 1], {"groups": [{}, dict(weight_decay=0.0, betas=(0.5, 0.6))]}),
    ("Adamax", dict(lr=0.02, betas=(0.8, 0.7), weight_decay=0.1), [0, 1, 2], {"missing": True}),
    ("NAdam", dict(lr=0.01, momentum_decay=0.1, weight_decay=0.1, decoupled_weight_decay=True, maximize=True), [0, 1], {}),
    ("RAdam", dict(lr=0.01, betas=(0.8, 0.95), weight_decay=0.1, decoupled_weight_decay=True), [0, 1], {"missing": True}),
    ("RAdam", dict(lr=0.01, betas=(0.8, 0.5)), [0, 1], {}),
    ("Adagrad", dict(lr=0.1, lr_decay=0.1, initial_accumulator_value=0.5, eps=1e-2), [0, 1], {"missing": True}),
    ("Adadelta", dict(lr=0.5, rho=0.5, eps=1e-3, weight_decay=0.1, maximize=True), [0, 1], {}),
    ("Adafactor", dict(lr=0.05, weight_decay=0.1, d=1.0), [0, 1, 2, 3], {"missing": True}),
    ("Adafactor", dict(lr=0.5, eps=(1e-2, 1e-1), d=2.0, beta2_decay=-0.3, maximize=True), [0, 1, 2], {"dtype": "float64"}),
    ("RMSprop", dict(lr=0.01, momentum=0.9, alpha=0.5), [0, 1], {"missing": True}),
    ("RMSprop", dict(lr=0.01, centered=True, weight_decay=0.1, maximize=True), [0, 1], {}),
    ("Rprop", dict(lr=0.1, etas=(0.3, 1.7), step_sizes=(0.05, 0.2)), [0, 1, 2], {"missing": True}),
    ("ASGD", dict(lr=0.1, lambd=0.1, alpha=0.6, t0=3.0, weight_decay=0.1), [0, 1], {"missing": True}),
    ("Muon", dict(lr=0.05, nesterov=False), [0, 3], {"missing": True}),
    ("Muon", dict(lr=0.05, adjust_lr_fn="match_rms_adamw", weight_decay=0.0), [0, 3], {"dtype": "float64"}),
    ("LBFGS", dict(lr=0.5, max_iter=2, history_size=3), [0, 1], {"dtype": "float64", "closure": True}),
    ("LBFGS", dict(lr=1.0, max_iter=2, line_search_fn="strong_wolfe", history_size=4), [0, 1, 2], {"dtype": "float64", "closure": True}),
]


def steps():
    cases = []
    for name, options, which, odd in CASES:
        dtype = getattr(torch, odd.get("dtype", "float32"))
        parameters = [START[i].to(dtype).clone().requires_grad_() for i in which]
        groups = [{"params": parameters}]
        if "groups" in odd:
            groups = [{"params": [p], **more} for p, more in zip(parameters, odd["groups"])]
        optimizer = getattr(torch.optim, name)(groups, **options)
        case = {"optimizer": name, "dtype": odd.get("dtype", "float32"), "which": which, "options": written(options)}
        case["groups"] = [written(more) for more in odd.get("groups", [])]
        case["missing"] = odd.get("missing", False)
        case["closure"] = odd.get("closure", False)
        for step in range(STEPS):
            if step == STEPS // 2:
                case["middle"] = [written(p.detach()) for p in parameters]
                case["state"] = written(optimizer.state_dict())
            if odd.get("closure"):

                def closure():
                    optimizer.zero_grad()
                    loss = 0
                    for p, i in zip(parameters, which):
                        target = GRADIENTS[0][i].to(dtype)
                        loss = loss + ((p - target) ** 2 * GRADIENTS[1][i].to(dtype).abs()).sum() + 0.1 * (p**4).sum()
                    loss.backward()
                    return loss

                optimizer.step(closure)
                continue
            for j, (p, i) in enumerate(zip(parameters, which)):
                # The last parameter has no gradient in every third step.
                absent = case["missing"] and j + 1 == len(which) and step % 3 == 0
                p.grad = None if absent else GRADIENTS[step][i].to(dtype)
            optimizer.step()
        case["end"] = [written(p.detach()) for p in parameters]
        cases.append(case)
    return {
        "start": [written(x) for x in START],
        "gradients": [[written(x) for x in row] for row in GRADIENTS],
        "cases": cases,
    }


def rates():
    def sgd():
        return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)

    def adam():
        return torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.1)

    s = schedulers
    made = {
        "lambda": (sgd, lambda o: s.LambdaLR(o, lambda epoch: 0.9**epoch)),
        "multiplicative": (sgd, lambda o: s.MultiplicativeLR(o, lambda epoch: 1 - 0.01 * epoch)),
        "cyclic momentum": (sgd, lambda o: s.CyclicLR(o, 0.01, 0.1, step_size_up=3, step_size_down=5, mode="triangular2")),
        "cyclic betas": (adam, lambda o: s.CyclicLR(o, 0.01, 0.1, step_size_up=4, mode="exp_range", gamma=0.9, base_momentum=0.7)),
        "one cycle linear": (adam, lambda o: s.OneCycleLR(o, 0.2, total_steps=30, anneal_strategy="linear", pct_start=0.4, final_div_factor=100.0)),
        "one cycle three phases": (sgd, lambda o: s.OneCycleLR(o, 0.2, epochs=5, steps_per_epoch=6, three_phase=True, div_factor=10.0, base_momentum=0.5)),
        "sequence of three": (sgd, lambda o: s.SequentialLR(o, [s.LinearLR(o, 0.2, 0.8, 4), s.StepLR(o, 3, 0.5), s.CosineAnnealingWarmRestarts(o, 4, 2)], [5, 15])),
        "sequence to polynomial": (sgd, lambda o: s.SequentialLR(o, [s.ExponentialLR(o, 0.8), s.PolynomialLR(o, 10, 2.0)], [7])),
        "sequence to constant": (sgd, lambda o: s.SequentialLR(o, [s.MultiStepLR(o, [2, 4], 0.5), s.ConstantLR(o, 0.25, 6), s.LambdaLR(o, lambda e: 1 / (1 + e))], [6, 16])),
        "chain of three": (sgd, lambda o: s.ChainedScheduler([s.LinearLR(o, 0.5, 1.0, 6), s.StepLR(o, 4, 0.9), s.CosineAnnealingLR(o, 12, 0.001)])),
        "cosine beyond": (sgd, lambda o: s.CosineAnnealingLR(o, 7, 0.01)),
    }
    cases = []
    for name, (optimizer, make) in made.items():
        optimizer = optimizer()
        scheduler = make(optimizer)
        group = optimizer.param_groups[0]
        lrs, momenta = [], []
        state = None
        for step in range(30):
            lrs.append(group["lr"])
            momenta.append(group["momentum"] if "momentum" in group else group["betas"][0])
            if step == 11:
                state = written({k: v for k, v in scheduler.state_dict().items() if isinstance(v, (int, float, list)) and "lambda" not in k})
                saved = written(optimizer.state_dict())
            optimizer.step()
            scheduler.step()
        cases.append({"name": name, "lrs": lrs, "momenta": momenta, "state": state, "optimizer": saved})
    metrics = [round(1 / (1 + 0.3 * i) + 0.02 * math.sin(7.0 * i), 6) for i in range(40)]
    plateaus = []
    for options in [
        dict(mode="max", factor=0.5, patience=2),
        dict(mode="max", factor=0.5, patience=1, threshold=0.1, threshold_mode="abs", min_lr=0.02),
        dict(factor=0.5, patience=2, threshold=0.05, threshold_mode="abs", cooldown=2, eps=0.001),
    ]:
        optimizer = sgd()
        scheduler = s.ReduceLROnPlateau(optimizer, **options)
        lrs = []
        for i, metric in enumerate(metrics):
            if i == 15:
                state = written({k: v for k, v in scheduler.state_dict().items()})
            scheduler.step(metric)
            lrs.append(optimizer.param_groups[0]["lr"])
        plateaus.append({"options": written(options), "lrs": lrs, "state": state})
    return {"cases": cases, "metrics": metrics, "plateaus": plateaus}


def averages():
    clips = []
    for norm_type in [2.0, 1.0, 3.0, math.inf, 0.0]:
        for max_norm in [0.5, 100.0]:
            parameters = [START[i].clone().requires_grad_() for i in range(4)]
            for p, g in zip(parameters, GRADIENTS[0]):
                p.grad = g.clone()
            total = torch.nn.utils.clip_grad_norm_(parameters, max_norm, norm_type)
            clipped = [written(p.grad) for p in parameters]
            clips.append({"norm_type": number(norm_type), "max_norm": max_norm, "total": total.item(), "gradients": clipped})
    results = {}
    for name, function in [("ema", get_ema_multi_avg_fn(0.8)), ("swa", None)]:
        model = torch.nn.ParameterList([x.clone() for x in START])
        averaged = AveragedModel(model, multi_avg_fn=function)
        for row in GRADIENTS:
            with torch.no_grad():
                for p, g in zip(model, row):
                    p.add_(g)
            averaged.update_parameters(model)
        results[name] = [written(p.detach()) for p in averaged.module]
    return {"clips": clips, **results}


for name, make in [("steps", steps), ("rates", rates), ("averages", averages)]:
    with open(os.path.join(HERE, f"{name}.json"), "w") as file:
        json.dump(make(), file, separators=(",", ":"))
        file.write("\n")
