"""The networks that rows train or ask."""

import torch
import torch.nn as nn


def perceptron(*widths):
    layers = []
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        layers += ([nn.ReLU()] if i else []) + [nn.Linear(a, b)]
    return nn.Sequential(*layers)


def digits_network():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 49, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


class BasicBlock(nn.Module):
    def __init__(self, channels, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or channels != planes:
            conv = nn.Conv2d(channels, planes, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(planes))

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += around
        return self.relu(y)


class ResNet18(nn.Module):
    """torchvision's resnet18."""

    def __init__(self, classes):
        super().__init__()
        stage = lambda channels, planes, stride: nn.Sequential(BasicBlock(channels, planes, stride), BasicBlock(planes, planes, 1))
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = stage(64, 64, 1)
        self.layer2 = stage(64, 128, 2)
        self.layer3 = stage(128, 256, 2)
        self.layer4 = stage(256, 512, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class Recurrent(nn.Module):
    def __init__(self, width=128, hidden=256, characters=64):
        super().__init__()
        self.e = nn.Embedding(characters, width)
        self.l = nn.LSTM(width, hidden, batch_first=True)
        self.o = nn.Linear(hidden, characters)

    def forward(self, x):
        return self.o(self.l(self.e(x))[0]).flatten(0, 1)


class Gpt(nn.Module):
    def __init__(self, width=128, heads=4, layers=4, context=64, characters=64):
        super().__init__()
        self.e = nn.Embedding(characters, width)
        self.p = nn.Parameter(torch.zeros(context, width))
        self.o = nn.Linear(width, characters)
        self.register_buffer("m", nn.Transformer.generate_square_subsequent_mask(context), persistent=False)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, 0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.b = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, x):
        return self.o(self.b(self.e(x) + self.p, mask=self.m, is_causal=True)).flatten(0, 1)
