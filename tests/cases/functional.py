"""Cases of torch.nn.functional that PyTorch's sample databases leave out: kinks, infinities, NaN, empty inputs, options in
combination. Writes functional/ops.json.gz and functional/ops.safetensors.gz beside itself, in the format of ops.json.gz.

    python functional.py
"""
import gzip, json, math, os

import torch
import torch.nn.functional as F
from safetensors.torch import save

torch.manual_seed(0)
inf, nan = math.inf, math.nan
tensors, ops = {}, {}


def encode(value, key):
    if isinstance(value, torch.Tensor):
        name = f"{key}.{len(tensors)}"
        tensors[name] = value.detach().clone().contiguous()
        return {"tensor": name}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"float": value if math.isfinite(value) else str(value)}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value)[6:]}
    return {"list": [encode(x, key) for x in value]}


def case(function, *args, grads=True, call=None, **kwargs):
    """One call of a function of torch.nn.functional; `call` where the order of arguments is another."""
    name = f"nn.functional.{function}"
    op = ops.setdefault(name, {"op": name, "cases": [], "errors": []})
    key = f"{name}.functional.{len(op['cases'])}"
    floats = lambda x: isinstance(x, torch.Tensor) and x.is_floating_point()
    places = [(f"args/{i}", x) for i, x in enumerate(args) if floats(x)]
    places += [(f"kwargs/{n}", x) for n, x in kwargs.items() if floats(x) and not n.startswith("running")]
    entry = {"id": key, "variant": "", "args": [encode(x, key) for x in args], "kwargs": {n: encode(x, key) for n, x in kwargs.items()}}
    # Of some functions PyTorch knows the derivative with regard to the first argument only.
    choices = [places, places[:1]] if grads else [[]]
    for wanted in choices:
        for _, x in places:
            x.requires_grad_(False)
        for _, x in wanted:
            x.requires_grad_()
        try:
            out = (call or getattr(F, function))(*args, **kwargs)
            break
        except RuntimeError:
            if wanted is choices[-1]:
                raise
    entry["out"] = encode(out, key)
    if wanted and out.requires_grad:
        cotangent = torch.randn_like(out)
        found = torch.autograd.grad(out, [x for _, x in wanted], cotangent, allow_unused=True)
        entry["cotangents"] = [encode(cotangent, key)]
        entry["grads"] = [{"of": path, "value": encode(g, key)} for (path, _), g in zip(wanted, found) if g is not None]
    op["cases"].append(entry)


def refused(function, *args, call=None, **kwargs):
    name = f"nn.functional.{function}"
    op = ops.setdefault(name, {"op": name, "cases": [], "errors": []})
    key = f"{name}.functional.error.{len(op['errors'])}"
    try:
        (call or getattr(F, function))(*args, **kwargs)
    except Exception as error:
        message = str(error).split("\n")[0]
    else:
        raise AssertionError(f"PyTorch does not refuse {function} {args} {kwargs}")
    op["errors"].append({"id": key, "variant": "", "args": [encode(x, key) for x in args], "kwargs": {n: encode(x, key) for n, x in kwargs.items()}, "error": message})


def points(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def randn(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype)


long = lambda *values: torch.tensor(values)

# Activations at their kinks, far out, at infinities and NaN.
for dtype in (torch.float32, torch.float64):
    p = lambda *values: points(*values, dtype=dtype)
    case("relu", p(0, -0.0, -1, 1, nan, inf, -inf))
    case("relu6", p(0, 6, 3, 7, nan, inf, -inf))
    case("leaky_relu", p(0, 1, -1, nan, inf, -inf), negative_slope=0.1)
    case("elu", p(0, 1, -1, -inf, inf, 1000), alpha=2.0)
    case("celu", p(0, 1, -1, -inf, inf, 1000), alpha=2.0)
    case("celu", p(0, 1, -1, inf, 1000), alpha=-2.0)
    case("selu", p(0, 1, -1, -inf, inf, 1000))
    case("gelu", p(0, 1, -1, 10, -10, 100, -100))
    case("gelu", p(0, 1, -1, 10, -10, 100, -100), approximate="tanh")
    case("silu", p(0, 1, -1, 50, -50, 1000, -1000))
    case("mish", p(0, 1, -1, 50, -50, 1000))
    case("softplus", p(0, 1, -1, 20, 21, -100, inf, -inf))
    case("softplus", p(0, 1, -1, 5, 5.1, -100, inf, -inf), beta=2.0, threshold=10.0)
    case("softsign", p(0, 1, -1, 1e30))
    case("tanhshrink", p(0, 1, -1, 100, inf, -inf))
    # The gradient at NaN is another in float32 than in float64.
    case("softshrink", p(0, 0.5, -0.5, 0.6, -0.6, inf, -inf))
    case("hardshrink", p(0, 0.5, -0.5, 0.6, -0.6, inf, -inf))
    case("hardtanh", p(0, 1, -1, 2, -2, inf, -inf))
    for shrunk in ("softshrink", "hardshrink", "hardtanh"):
        case(shrunk, p(nan), grads=False)
    case("hardsigmoid", p(0, 3, -3, 4, -4, inf, -inf))
    case("hardswish", p(0, 3, -3, 1, -1, 4, -4, inf))
    case("threshold", p(0, 0.5, 1, nan, inf, -inf), 0.5, 9.0)
    case("logsigmoid", p(0, 1, -1, 100, -100, inf, -inf, nan))
    case("prelu", p(0, 1, -1, inf), p(0.1))
    case("rrelu", p(0, 1, -1, inf), lower=0.1, upper=0.3)
    case("softmax", p(-inf, -inf, 1), 0)
    case("log_softmax", p(-inf, 1, 2), 0)
    case("softmax", p(1e30, -1e30, 0), 0)
    case("normalize", p(0, 0), dim=0)
refused("softshrink", points(1), lambd=-1.0)
refused("hardtanh", points(1), min_val=1.0, max_val=-1.0)
refused("glu", points(1, 2, 3), 0)
refused("softmax", torch.tensor([1, 2]), 0)
refused("softmax", points(1, 2), 1)
for p in (1.0, 2.0, 3.0, inf, 0.5):
    x = randn(3, 4)
    x[1] = 0
    x[2, 1] = 0
    case("normalize", x, p=p, dim=1)

# Losses where logarithms are infinite and where hinges bend.
zero, one = points(0.0, 0, 0.5), points(1.0, 1, 1)
case("binary_cross_entropy", points(0, 1, 0.5, 1e-20), points(1, 0, 0.5, 1), reduction="none", grads=False)
case("binary_cross_entropy", points(0.3, 0.9), points(1, 0), weight=points(2, 3), reduction="sum")
refused("binary_cross_entropy", points(1.5), points(1))
refused("binary_cross_entropy", points(nan), points(1))
refused("binary_cross_entropy", points(0.5), points(2))
refused("binary_cross_entropy", points(0.5, 0.5), points(1))
refused("binary_cross_entropy_with_logits", points(0.5, 0.5), points(1))
for target in (0.0, 0.3, 1.0):
    logits = points(0, 100, -100, 1000, -1000, 1)
    case("binary_cross_entropy_with_logits", logits, torch.full_like(logits, target), reduction="none")
    case("binary_cross_entropy_with_logits", randn(2, 3), torch.full((2, 3), target, dtype=torch.float64), weight=randn(3), pos_weight=randn(2, 1), reduction="mean")
far = points(0, 1, -1, 2, inf, -inf)
case("smooth_l1_loss", far, torch.zeros_like(far), reduction="none")
case("smooth_l1_loss", randn(5), randn(5), beta=0.0)
case("huber_loss", far.detach().clone(), torch.zeros_like(far), reduction="none")
case("huber_loss", randn(5), randn(5), delta=0.3, weight=randn(5))
case("mse_loss", randn(5), randn(5), weight=randn(5))
case("l1_loss", randn(5), randn(5), weight=randn(5))
case("mse_loss", randn(0), randn(0))
refused("smooth_l1_loss", randn(2), randn(2), beta=-1.0)
case("soft_margin_loss", points(0, 100, -100), points(1, 1, 1), reduction="none")
case("hinge_embedding_loss", points(0, 1, 2, 0, 1, 2), points(1, 1, 1, -1, -1, -1), reduction="none")
case("kl_div", randn(2, 3), points(0, 0.5, 0.5), reduction="batchmean", grads=False)
case("kl_div", randn(2, 3), randn(2, 3).softmax(1), reduction="mean")
case("poisson_nll_loss", points(0.5, 2, 3), points(0, 1, 4), log_input=False, full=True, reduction="none", grads=False)
case("gaussian_nll_loss", randn(3), randn(3), points(0.1, 0.25, 3), eps=0.5, reduction="none")
case("gaussian_nll_loss", randn(3), randn(3), 0.25, full=True)
refused("gaussian_nll_loss", randn(2), randn(2), points(-1, 1))

# Classes: weights, ignored targets, smoothing and probabilities in every combination.
for reduction in ("none", "mean", "sum"):
    for weight in (None, randn(3).abs()):
        for smoothing in (0.0, 0.2):
            for x, target in ((randn(4, 3), long(0, 2, 1, 2)), (randn(3), torch.tensor(2)), (randn(2, 3, 2), long([0, 1], [2, 1]))):
                case("cross_entropy", x, target, weight=weight, reduction=reduction, label_smoothing=smoothing)
                case("cross_entropy", x.detach().clone(), target, weight=weight, reduction=reduction, label_smoothing=smoothing, ignore_index=2)
            for shape in ((4, 3), (3,), (2, 3, 2)):
                case("cross_entropy", randn(*shape), randn(*shape).softmax(-1), weight=weight, reduction=reduction, label_smoothing=smoothing)
case("cross_entropy", randn(2, 3), long(1, 1), ignore_index=1)
case("cross_entropy", randn(0, 3), torch.zeros(0, dtype=torch.long))
case("cross_entropy", points(1e4, -1e4).reshape(1, 2), long(1))
case("cross_entropy", points(-inf, 1, 2).reshape(1, 3), long(1))
case("nll_loss", randn(2, 3), torch.tensor([0, 1], dtype=torch.uint8))
refused("nll_loss", randn(2, 3), long(0, 3))
refused("nll_loss", randn(2, 3), long(0, -1))
refused("nll_loss", randn(2, 3), long(0, 1, 1))
refused("nll_loss", randn(2, 3, 4), long(0, 1))
refused("nll_loss", randn(2, 3), torch.tensor([0, 1], dtype=torch.int32))
refused("cross_entropy", randn(2, 3), long(0, 1), label_smoothing=1.5)
refused("cross_entropy", randn(2, 3), long(0, 1), weight=randn(2))
refused("cross_entropy", randn(2, 3), randn(2, 3), ignore_index=1)
refused("cross_entropy", randn(2, 3), torch.zeros(2, 3, dtype=torch.long))
case("multi_margin_loss", randn(3, 4), long(0, 3, 1), p=2, margin=0.5, weight=randn(4), reduction="sum", grads=False)
case("multi_margin_loss", randn(4), torch.tensor(1), reduction="none")
refused("multi_margin_loss", randn(2, 3), long(0, 3))
case("multilabel_margin_loss", randn(2, 4), long([3, 0, -1, 1], [-1, 0, 1, 2]), reduction="none")
case("multilabel_margin_loss", randn(4), long(3, 3, -1, 1))
refused("multilabel_margin_loss", randn(2, 3), long([0, 3, -1], [1, 0, 2]))
refused("multilabel_margin_loss", randn(2, 3), long([0, -2, -1], [1, 0, 2]))
refused("cosine_embedding_loss", randn(2, 3), randn(2, 3), torch.tensor(1))
case("triplet_margin_loss", randn(4, 3), randn(4, 3), randn(4, 3), swap=True, p=3.0, margin=2.0)
case("triplet_margin_with_distance_loss", randn(4, 3), randn(4, 3), randn(4, 3), swap=True, margin=2.0)

# Sequences. PyTorch's gradient is that of a softmax in front, so only the losses are compared here.
steps = randn(7, 3, 4).log_softmax(2)
targets = long([1, 2, 2], [3, 3, 1], [2, 1, 1])
for reduction in ("none", "mean", "sum"):
    for zero_infinity in (False, True):
        lengths = (torch.tensor([2, 6, 4]), torch.tensor([3, 2, 0]))
        case("ctc_loss", steps, targets, *lengths, reduction=reduction, zero_infinity=zero_infinity, grads=False)
case("ctc_loss", steps, long(1, 2, 2, 3, 3), torch.tensor([7, 6, 4]), torch.tensor([3, 2, 0]), grads=False)
case("ctc_loss", steps, long([0, 2], [1, 0], [2, 1]), torch.tensor([7, 6, 4]), torch.tensor([2, 2, 1]), blank=3, grads=False)

# Tables.
swapped = lambda weight, index, *rest, **kwargs: F.embedding(index, weight, *rest, **kwargs)
case("embedding", randn(4, 3), long([0, 1], [3, 1]), padding_idx=1, call=swapped)
case("embedding", randn(4, 3), long([0, 1], [3, 1]), padding_idx=-1, scale_grad_by_freq=True, call=swapped)
case("embedding", randn(4, 3) * 3, long(0, 1, 1), max_norm=1.0, grads=False, call=swapped)
case("embedding", randn(4, 3) * 3, long(0, 1, 1), max_norm=1.0, norm_type=1.0, grads=False, call=swapped)
case("embedding", randn(4, 3), torch.zeros(0, 2, dtype=torch.long), call=swapped)
refused("embedding", randn(4, 3), long(4), call=swapped)
refused("embedding", randn(4, 3), long(-1), call=swapped)
refused("embedding", randn(4, 3), points(1), call=swapped)
refused("embedding", randn(4, 3), long(1), padding_idx=4, call=swapped)
bag = lambda weight, index, *rest, **kwargs: F.embedding_bag(index, weight, *rest, **kwargs)
index = long(3, 1, 1, 0, 2, 1)
for mode in ("sum", "mean", "max"):
    for padding in (None, 1, -1):
        case("embedding_bag", randn(4, 3), index, offsets=long(0, 3, 3), mode=mode, padding_idx=padding, call=bag)
        case("embedding_bag", randn(4, 3), index.reshape(2, 3), mode=mode, padding_idx=padding, call=bag)
        case("embedding_bag", randn(4, 3), index, offsets=long(0, 2, 5), include_last_offset=True, mode=mode, padding_idx=padding, call=bag)
case("embedding_bag", randn(4, 3), index, offsets=long(0, 4), mode="sum", scale_grad_by_freq=True, call=bag)
case("embedding_bag", randn(4, 3), index, offsets=long(0, 4), mode="sum", per_sample_weights=randn(6), call=bag)
refused("embedding_bag", randn(4, 3), index, offsets=long(1, 4), call=bag)
refused("embedding_bag", randn(4, 3), index, offsets=long(0, 9), call=bag)
refused("embedding_bag", randn(4, 3), index, call=bag)
refused("embedding_bag", randn(4, 3), index, offsets=long(0), mode="mean", per_sample_weights=randn(6), call=bag)
refused("embedding_bag", randn(4, 3), long(1, 4), offsets=long(0), call=bag)
case("one_hot", torch.tensor(1), 3)
case("one_hot", torch.zeros(0, dtype=torch.long), 3)
for wrong in ((long(-1), -1), (long(3), 2), (torch.zeros(0, dtype=torch.long), -1), (torch.tensor([1], dtype=torch.int32), -1)):
    refused("one_hot", *wrong)

# Attention.
q, k, v = lambda: randn(2, 4, 3, 5), lambda: randn(2, 4, 6, 5), lambda: randn(2, 4, 6, 2)
mask = torch.rand(3, 6) > 0.4
mask[1] = False
case("scaled_dot_product_attention", q(), k(), v(), attn_mask=mask)
case("scaled_dot_product_attention", q(), k(), v(), attn_mask=torch.rand(2, 1, 3, 6) > 0.2, scale=0.3)
bias = randn(4, 3, 6)
bias[2, 1] = -inf
bias[0, 2, 3:] = -inf
case("scaled_dot_product_attention", q(), k(), v(), attn_mask=bias)
case("scaled_dot_product_attention", q(), randn(2, 2, 6, 5), randn(2, 2, 6, 2), enable_gqa=True, is_causal=True)
case("scaled_dot_product_attention", q(), randn(2, 1, 6, 5), randn(2, 2, 6, 2), enable_gqa=True)
case("scaled_dot_product_attention", randn(3, 5), randn(6, 5), randn(6, 2), is_causal=True)
refused("scaled_dot_product_attention", q(), k(), v(), attn_mask=mask, is_causal=True)
refused("scaled_dot_product_attention", q(), randn(2, 3, 6, 5), randn(2, 3, 6, 2), enable_gqa=True)
refused("scaled_dot_product_attention", randn(5), randn(5), randn(5))

# Normalisation.
half = randn(2, 4, 3, dtype=torch.float16)
for narrow in (half, half.bfloat16()):
    case("layer_norm", narrow.detach().clone(), (3,), grads=False)
    case("group_norm", narrow.detach().clone(), 2, grads=False)
    case("softmax", narrow.detach().clone(), 1, grads=False)
case("layer_norm", randn(2, 0), (0,), grads=False)
case("rms_norm", torch.zeros(2, 3, dtype=torch.float64), (3,))
case("rms_norm", randn(2, 3), (3,), randn(3), eps=0.1)
case("instance_norm", randn(2, 3, 4), running_mean=randn(3), running_var=randn(3).abs(), use_input_stats=False)
case("local_response_norm", randn(2, 7, 3, 2), 4, alpha=0.1, beta=0.5, k=0.7)
refused("batch_norm", randn(1, 3), None, None, training=True)
refused("batch_norm", randn(4, 3), None, None, training=False)
refused("batch_norm", randn(4, 3), None, None, training=True, eps=0.0)
refused("batch_norm", randn(4, 3), randn(2), randn(2))
refused("instance_norm", randn(2, 3, 1))
refused("layer_norm", randn(2, 3), (2,))

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "functional")
os.makedirs(folder, exist_ok=True)
text = json.dumps(list(ops.values())).encode()
open(os.path.join(folder, "ops.json.gz"), "wb").write(gzip.compress(text, mtime=0))
open(os.path.join(folder, "ops.safetensors.gz"), "wb").write(gzip.compress(save(tensors), mtime=0))
print(sum(len(op["cases"]) for op in ops.values()), "cases,", sum(len(op["errors"]) for op in ops.values()), "refusals")
