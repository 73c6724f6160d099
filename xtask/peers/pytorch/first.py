"""The first result of a program: the sum of a product."""

import torch

x = torch.ones(64, 64)
print((x @ x).sum().item())
