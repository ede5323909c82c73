"""The published listing once more, in plain PyTorch, to compare speed with."""

import torch
from torch import nn
from torch.nn import functional as f


def _stage(inputs: int, filters: int, side: int = 3) -> tuple[nn.Module, nn.Module, nn.Module]:
    convolution = nn.Conv2d(inputs, filters, side, padding=side // 2)
    return convolution, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)


def _block(inputs: int, filters: int) -> nn.Sequential:
    return nn.Sequential(*_stage(inputs, filters), *_stage(filters, filters))


def _up(inputs: int, filters: int, stride: int = 2) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, filters, 3, stride, padding=1, output_padding=stride - 1)


class Gate(nn.Module):
    """Gating signal and gate; ``stride`` brings what comes from deeper to half the size of x."""

    def __init__(self, channels: int, signal: int, inter: int, stride: int):
        super().__init__()
        self.signal = nn.Sequential(*_stage(signal, signal, 1))
        self.theta = nn.Conv2d(channels, inter, 2, stride=2)
        self.phi = nn.Conv2d(signal, inter, 1)
        self.enlarge = _up(inter, inter, stride)
        self.psi = nn.Conv2d(inter, 1, 1)
        self.mix = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels))

    def forward(self, x, deep):
        joined = torch.relu(self.theta(x) + self.enlarge(self.phi(self.signal(deep))))
        coefficients = f.interpolate(torch.sigmoid(self.psi(joined)), scale_factor=2)
        return self.mix(x * coefficients)


class Listing(nn.Module):
    """5,638,503 parameters counting the running statistics of the normalisations."""

    def __init__(self):
        super().__init__()
        widths, scales = (32, 64, 128, 64), (64, 128, 256)
        inputs = (1, *(s + w for s, w in zip(scales, widths, strict=False)))
        self.convs = nn.ModuleList(_block(i, w) for i, w in zip(inputs, widths, strict=True))
        self.scales = nn.ModuleList(nn.Conv2d(1, s, 3, padding=1) for s in scales)
        self.centre = _block(64, 512)
        gates = ((64, 512, 128, 1), (128, 96, 64, 1), (64, 96, 32, 2))
        self.gates = nn.ModuleList(Gate(*sizes) for sizes in gates)
        self.ups = nn.ModuleList((_up(512, 32), _up(96, 64), _up(192, 32), _up(96, 32)))
        sides = ((96, 256), (192, 128), (96, 64), (64, 32))
        self.sides = nn.ModuleList(_block(*sizes) for sizes in sides)
        self.heads = nn.ModuleList(nn.Conv2d(filters, 1, 1) for _, filters in sides)

    def forward(self, image, main_only: bool = False):
        x, skips = image, []
        for level, conv in enumerate(self.convs):
            if level:
                scaled = self.scales[level - 1](f.avg_pool2d(image, 2**level))
                x = torch.cat([torch.relu(scaled), f.max_pool2d(x, 2)], 1)
            x = conv(x)
            skips.append(x)
        conv1, conv2, conv3, conv4 = skips
        centre = self.centre(f.max_pool2d(conv4, 2))
        up1 = self._join(0, centre, self.gates[0](conv4, centre))
        up2 = self._join(1, up1, self.gates[1](conv3, up1))
        up3 = self._join(2, up2, self.gates[2](conv2, up1))
        up4 = self._join(3, up3, conv1)
        levels = list(zip(self.heads, self.sides, (up1, up2, up3, up4), strict=True))
        used = levels[-1:] if main_only else levels
        return [torch.sigmoid(head(side(up))) for head, side, up in used]

    def _join(self, level, x, skip):
        return torch.cat([torch.relu(self.ups[level](x)), skip], 1)


def focal_tversky(mask, heads):
    """Sum over the heads of the focal Tversky loss, pooled over the batch."""
    loss = 0
    for probability in map(torch.Tensor.float, heads):
        y = f.max_pool2d(mask, mask.shape[-1] // probability.shape[-1])
        tp, fn = (y * probability).sum(), (y * (1 - probability)).sum()
        fp = ((1 - y) * probability).sum()
        loss += (1 - (tp + 1) / (tp + 0.7 * fn + 0.3 * fp + 1)).clamp_min(1e-6) ** 0.75
    return loss
