"""Cases of recurrent layers, attention and transformers that PyTorch's sample databases leave out: packed sequences,
projections, masks of all forms, causal attention, stacks with norms. Writes sequence/modules.json.gz and
sequence/modules.safetensors.gz beside itself, in the format of modules.json.gz. Arguments of our own: `lengths` packs
the input and pads the output; the layer of a stack is given by its arguments.

    python sequence.py
"""
import gzip, json, os

import torch
import torch.nn as nn
from safetensors.torch import save
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(0)
inf = float("inf")
tensors, cases = {}, []


def encode(value, key):
    if isinstance(value, torch.Tensor):
        name = f"{key}.{len(tensors)}"
        tensors[name] = value.detach().clone().contiguous()
        return {"tensor": name}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"float": value}
    return {"list": [encode(x, key) for x in value]}


def flat(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [x for part in value if part is not None for x in flat(part)]


def case(name, module, init, *args, call=None, wanted=None, dtype=torch.float32, training=True, **kwargs):
    module = module.to(dtype).train(training)
    # Fresh biases and norms are zeros and ones, which would hide mistakes.
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.empty_like(parameter).uniform_(-0.6, 0.6))
    key = f"{name}.own.{len(cases)}"
    inputs = flat(args) if wanted is None else wanted
    for x in inputs:
        x.requires_grad_()
    out = (call or module)(*args, **kwargs)
    outputs = flat(out) if isinstance(out, (list, tuple)) else [out]
    cotangents = [torch.randn_like(y) if y.requires_grad else None for y in outputs]
    parameters = dict(module.named_parameters())
    total = sum((y * c).sum() for y, c in zip(outputs, cotangents) if c is not None)
    grads = torch.autograd.grad(total, [*parameters.values(), *inputs], allow_unused=True)
    grads = [torch.zeros_like(x) if g is None else g for g, x in zip(grads, [*parameters.values(), *inputs])]
    if isinstance(out, tuple):
        out = [x for x in out if x is not None]
    state = {n: encode(x, key) for n, x in module.state_dict().items()}
    cases.append({
        "id": key, "module": name, "training": training, "init_args": [], "init_kwargs": {n: encode(x, key) for n, x in init.items()},
        "state": state, "args": [encode(x, key) for x in args], "kwargs": {n: encode(x, key) for n, x in kwargs.items()},
        "out": encode(out, key), "cotangents": [None if c is None else encode(c, key) for c in cotangents],
        "param_grads": {n: encode(g, key) for n, g in zip(parameters, grads)},
        "input_grads": [encode(g, key) for g in grads[len(parameters):]], "state_after": state,
    })


def draw(*shape, dtype=torch.float32):
    return torch.randn(shape, dtype=dtype)


def packed(module, batch_first):
    def call(x, *state, lengths):
        out, state = module(pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False), *state)
        return pad_packed_sequence(out, batch_first)[0], state
    return call


# Recurrent layers: time 4, batch 3, features 3, hidden 4.
for name in ("RNN", "GRU", "LSTM"):
    for batch_first in (False, True):
        for bidirectional in (False, True):
            for proj_size in ((0, 2) if name == "LSTM" else (0,)):
                for given in (False, True):
                    if given and batch_first:
                        continue
                    dtype = torch.float64 if given else torch.float32
                    init = dict(input_size=3, hidden_size=4, num_layers=2, batch_first=batch_first, bidirectional=bidirectional)
                    if proj_size:
                        init["proj_size"] = proj_size
                    count = 4 if bidirectional else 2
                    h, c = draw(count, 3, proj_size or 4, dtype=dtype), draw(count, 3, 4, dtype=dtype)
                    state = [] if not given else [(h, c)] if name == "LSTM" else [h]
                    x = draw(3, 4, 3, dtype=dtype) if batch_first else draw(4, 3, 3, dtype=dtype)
                    module = getattr(nn, name)(**init)
                    case(name, module, init, x, *state, dtype=dtype)
                    case(name, module, init, x, *state, dtype=dtype, lengths=[2, 4, 1], call=packed(module, batch_first))
case("RNN", nn.RNN(3, 5, nonlinearity="relu"), dict(input_size=3, hidden_size=5, nonlinearity="relu"), draw(4, 3, 3))
for name in ("RNNCell", "GRUCell", "LSTMCell"):
    init = dict(input_size=3, hidden_size=5, bias=False)
    h, c = draw(2, 5), draw(2, 5)
    case(name, getattr(nn, name)(**init), init, draw(2, 3), (h, c) if name == "LSTMCell" else h)
    case(name, getattr(nn, name)(3, 5), dict(input_size=3, hidden_size=5), draw(2, 3))

# Attention: batch 2, 3 queries, 4 keys, 6 features, 2 heads.
blocked = torch.tensor([[False, True, False, True], [False, False, False, True], [True, False, False, False]])
padding = torch.tensor([[False, False, True, False], [False, False, False, True]])
masks = [
    {}, dict(attn_mask=blocked), dict(attn_mask=draw(3, 4)), dict(attn_mask=draw(4, 3, 4)), dict(key_padding_mask=padding),
    dict(attn_mask=blocked, key_padding_mask=padding), dict(attn_mask=draw(3, 4), key_padding_mask=draw(2, 4)),
    dict(attn_mask=torch.triu(torch.ones(3, 4, dtype=torch.bool), 1), is_causal=True),
]
variants = [{}, dict(add_bias_kv=True), dict(add_zero_attn=True), dict(kdim=5, vdim=7), dict(bias=False, add_bias_kv=True, add_zero_attn=True, kdim=5)]
for batch_first in (False, True):
    for variant in variants:
        for kwargs in masks:
            for how in (dict(need_weights=False), dict(average_attn_weights=False), {}):
                if (how == {} or batch_first) and (variant or kwargs):
                    continue
                if kwargs.get("is_causal") and variant:
                    continue
                init = dict(embed_dim=6, num_heads=2, batch_first=batch_first, **variant)
                shape = lambda time, size: (2, time, size) if batch_first else (time, 2, size)
                q, k, v = draw(*shape(3, 6)), draw(*shape(4, variant.get("kdim", 6))), draw(*shape(4, variant.get("vdim", 6)))
                case("MultiheadAttention", nn.MultiheadAttention(**init), init, q, k, v, **kwargs, **how)

# Transformers: batch 2, source 5, target 4, 4 features, 2 heads.
for norm_first in (False, True):
    for batch_first in (False, True):
        for final_norm in (norm_first == batch_first,):
            layer = dict(d_model=4, nhead=2, dim_feedforward=5, dropout=0.0, activation="gelu", batch_first=batch_first, norm_first=norm_first)
            shape = lambda time: (2, time, 4) if batch_first else (time, 2, 4)
            norm = lambda: nn.LayerNorm(4) if final_norm else None
            init = dict(num_layers=2, final_norm=final_norm, **layer)
            causal = lambda n: nn.Transformer.generate_square_subsequent_mask(n)
            pad = torch.zeros(2, 5, dtype=torch.bool)
            pad[1, 3:] = True
            for kwargs in ({}, dict(mask=causal(5)), dict(mask=causal(5) < 0), dict(mask=causal(5), is_causal=True),
                           dict(mask=causal(5) < 0, src_key_padding_mask=pad), dict(mask=draw(4, 5, 5))):
                encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**layer), 2, norm(), enable_nested_tensor=False)
                case("TransformerEncoder", encoder, init, draw(*shape(5)), **kwargs)
            for kwargs in ({}, dict(tgt_mask=causal(4)), dict(tgt_mask=causal(4) < 0, memory_key_padding_mask=pad),
                           dict(tgt_mask=causal(4), memory_mask=draw(4, 5), tgt_is_causal=True)):
                decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**layer), 2, norm())
                case("TransformerDecoder", decoder, init, draw(*shape(4)), draw(*shape(5)), **kwargs)
        init = dict(num_encoder_layers=2, num_decoder_layers=1, **layer)
        for kwargs in ({}, dict(src_mask=causal(5), tgt_mask=causal(4), memory_key_padding_mask=pad, src_key_padding_mask=pad)):
            if kwargs:
                kwargs = {n: (m < 0 if m.is_floating_point() else m) for n, m in kwargs.items()}
            case("Transformer", nn.Transformer(**init), init, draw(*shape(5)), draw(*shape(4)), **kwargs)

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sequence")
os.makedirs(folder, exist_ok=True)
for name, data in (("modules.json.gz", json.dumps(cases).encode()), ("modules.safetensors.gz", save(tensors))):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(gzip.compress(data, 9, mtime=0))
print(len(cases), "cases")
