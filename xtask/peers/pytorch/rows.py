"""The rows, as PyTorch computes them. A row is a function that prepares it, and gives the numbers of its result, what
computes it once, and (where computing changes what comes next) what takes it back to the beginning."""

import os

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from networks import Gpt, Recurrent, ResNet18, digits_network, perceptron
from inputs import digest, fill, integers, normal

rows = {}


def forward(name, inputs, compute):
    """A row that computes one tensor from others, not recorded."""

    def make(compiled):
        operands = inputs()

        def call():
            with torch.no_grad():
                return compute(*operands)

        return digest(call()), call, None

    rows[name] = make


for n in (64, 256, 512, 1024, 2048):
    forward(f"matmul/{n}", lambda n=n: (normal("x", n, n), normal("y", n, n)), lambda x, y: x @ y)
forward("matmul/batched-64x128", lambda: (normal("x", 64, 128, 128), normal("y", 64, 128, 128)), lambda x, y: x @ y)

formulas = {
    "add": lambda x, y: x + y,
    "exp": lambda x, y: x.exp(),
    "tanh": lambda x, y: x.tanh(),
    "gelu": lambda x, y: F.gelu(x),
    "sum": lambda x, y: x.sum(),
    "chain": lambda x, y: ((x * y + 1.5).relu() * x - y).sigmoid(),
    "mse": lambda x, y: F.mse_loss(x, y),
}
for name, formula in formulas.items():
    forward(f"map/{name}-4m", lambda: (normal("x", 1 << 22), normal("y", 1 << 22)), formula)

matrix = lambda: (normal("x", 2048, 2048),)
forward("reduce/softmax-2048", matrix, lambda x: x.softmax(-1))
forward("reduce/layer_norm-2048", matrix, lambda x: F.layer_norm(x, (2048,)))
forward("reduce/sum-rows-2048", matrix, lambda x: x.sum(0))
forward("reduce/argmax-2048", matrix, lambda x: x.argmax(-1))
forward("move/transpose-2048", matrix, lambda x: x.t().contiguous())
forward("move/gather-rows-1m", lambda: (normal("x", 20000, 64), integers("i", 20000, 16384)), lambda x, i: x[i])


def sort(compiled):
    x = normal("x", 1 << 20)

    def call():
        with torch.no_grad():
            return x.sort()

    values, places = call()
    return digest(values) + digest(x[places]), call, None


rows["sort/1m"] = sort


def convolution(images, channels, side, out, window, stride):
    name = f"conv/{images}x{channels}x{side}-{out}k{window}s{stride}"
    operands = lambda: (normal("x", images, channels, side, side), normal("w", out, channels, window, window))
    compute = lambda x, w: F.conv2d(x, w, padding=window // 2, stride=stride)
    forward(f"{name}/forward", operands, compute)

    def both(compiled):
        x, w = (operand.requires_grad_() for operand in operands())

        def call():
            x.grad = w.grad = None
            compute(x, w).sum().backward()

        call()
        return digest(x.grad) + digest(w.grad), call, None

    rows[f"{name}/forward+backward"] = both


for size in ((32, 3, 32, 64, 3, 1), (32, 64, 32, 64, 3, 1), (32, 128, 16, 128, 3, 1), (8, 64, 56, 64, 1, 1), (8, 64, 56, 128, 3, 2)):
    convolution(*size)

forward(
    "attention/4x8x512x64-causal",
    lambda: (normal("q", 4, 8, 512, 64),),
    lambda q: F.scaled_dot_product_attention(q, q, q, is_causal=True),
)


def tiny(compiled):
    x = normal("x", 4).requires_grad_()

    def compute():
        y = x
        for _ in range(100):
            y = y * 1.0001 + 0.1
        y = y.sum()
        y.backward()
        return y

    answer = digest(compute()) + digest(x.grad)

    def call():
        compute()
        x.grad = None

    x.grad = None
    return answer, call, None


rows["overhead/200-tiny-ops"] = tiny


def training(name, model, inputs, targets, optimizer):
    def make(compiled):
        net, x, y = model(), inputs(), targets()
        fill(net)
        run = torch.compile(net) if compiled else net
        descent = optimizer(net.parameters())

        def step():
            descent.zero_grad()
            loss = F.cross_entropy(run(x), y)
            loss.backward()
            descent.step()
            return loss

        def again():
            fill(net)
            descent.state.clear()

        return [step().item() for _ in range(3)], step, again

    rows[name] = make


sgd = lambda parameters: torch.optim.SGD(parameters, lr=0.01)
momentum = lambda parameters: torch.optim.SGD(parameters, lr=0.01, momentum=0.9)
for name, optimizer in (("sgd", sgd), ("adam", torch.optim.Adam)):
    training(
        f"train/mlp-64-128-10-b64-{name}",
        lambda: perceptron(64, 128, 10),
        lambda: normal("x", 64, 64),
        lambda: integers("y", 10, 64),
        optimizer,
    )
training(
    "train/mlp-784-512-512-10-b128-adam",
    lambda: perceptron(784, 512, 512, 10),
    lambda: normal("x", 128, 784),
    lambda: integers("y", 10, 128),
    torch.optim.Adam,
)
training(
    "train/cnn-28x28-b64-adam",
    digits_network,
    lambda: normal("x", 64, 1, 28, 28),
    lambda: integers("y", 10, 64),
    torch.optim.Adam,
)
training(
    "train/resnet18-32x32-b16-sgd",
    lambda: ResNet18(10),
    lambda: normal("x", 16, 3, 32, 32),
    lambda: integers("y", 10, 16),
    momentum,
)


def asked(compiled):
    net, x = ResNet18(1000).eval(), normal("x", 1, 3, 224, 224)
    fill(net)
    run = torch.compile(net) if compiled else net

    def call():
        with torch.no_grad():
            return run(x)

    return digest(call()), call, None


rows["infer/resnet18-224-b1"] = asked
training(
    "train/lstm-128-256-b32-t64-adam",
    Recurrent,
    lambda: integers("x", 64, 32, 64),
    lambda: integers("y", 64, 2048),
    torch.optim.Adam,
)
training(
    "train/gpt-d128-l4-b16-t64-adamw",
    Gpt,
    lambda: integers("x", 64, 16, 64),
    lambda: integers("y", 64, 1024),
    torch.optim.AdamW,
)


class Images(Dataset):
    def __init__(self):
        self.images = normal("x", 4096, 3, 32, 32)
        self.labels = integers("y", 10, 4096).tolist()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index]
        image = image.flip(-1) if index % 2 else image
        return (image - 0.5) / 0.25, self.labels[index]


def loading(workers):
    def make(compiled):
        # Workers may run on any core, not only on the one that this thread keeps to.
        os.sched_setaffinity(0, range(os.cpu_count()))
        loader = DataLoader(Images(), batch_size=64, num_workers=workers, persistent_workers=workers > 0)

        def call():
            for batch in loader:
                pass
            return batch

        images, labels = call()
        return digest(images) + digest(labels), call, None

    rows[f"data/4096-images-workers{workers}"] = make


for workers in (0, 1, 2):
    loading(workers)

for batch, width in [(n, 512) for n in (16, 64, 256, 1024)] + [(128, n) for n in (128, 256, 1024, 2048)]:
    training(
        f"scale/batch/mlp-784-512-512-10-b{batch}" if width == 512 else f"scale/width/mlp-784-{width}-{width}-10-b128",
        lambda width=width: perceptron(784, width, width, 10),
        lambda batch=batch: normal("x", batch, 784),
        lambda batch=batch: integers("y", 10, batch),
        torch.optim.Adam,
    )
for length in (16, 32, 128, 256):
    training(
        f"scale/length/gpt-d128-l4-b16-t{length}",
        lambda length=length: Gpt(context=length),
        lambda length=length: integers("x", 64, 16, length),
        lambda length=length: integers("y", 64, 16 * length),
        torch.optim.AdamW,
    )

# What torch.compile is put around.
models = ("train/", "infer/", "scale/")
