"""A paragraph for a methods section: what was trained on what, with which versions."""

from collections.abc import Mapping, Sequence

from napari_unet.core.models.header import ModelHeader, TrainingRecord
from napari_unet.core.network.config import PRESETS, UNetConfig
from napari_unet.core.network.onnx_network import ForeignNetwork
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.project.index import ProjectIndex, VersionEntry

_RONNEBERGER = (
    "Ronneberger O, Fischer P, Brox T (2015). U-Net: Convolutional Networks for Biomedical Image "
    "Segmentation. MICCAI 2015, LNCS 9351, 234-241. doi:10.1007/978-3-319-24574-4_28"
)
_CICEK = (
    "Çiçek Ö, Abdulkadir A, Lienkamp SS, Brox T, Ronneberger O (2016). 3D U-Net: Learning Dense "
    "Volumetric Segmentation from Sparse Annotation. MICCAI 2016, LNCS 9901, 424-432. "
    "doi:10.1007/978-3-319-46723-8_49"
)
_IOFFE = (
    "Ioffe S, Szegedy C (2015). Batch Normalization: Accelerating Deep Network Training by "
    "Reducing Internal Covariate Shift. ICML 2015, PMLR 37, 448-456"
)
_LOSHCHILOV = "Loshchilov I, Hutter F (2019). Decoupled Weight Decay Regularization. ICLR 2019"
_BREIMAN = (
    "Breiman L (2001). Random Forests. Machine Learning 45, 5-32. doi:10.1023/A:1010933404324"
)
_GEURTS = (
    "Geurts P, Ernst D, Wehenkel L (2006). Extremely Randomized Trees. Machine Learning 63, 3-42. "
    "doi:10.1007/s10994-006-6226-1"
)
_TAN = (
    "Tan M, Le Q (2019). EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks. "
    "ICML 2019, PMLR 97, 6105-6114"
)


def methods_paragraph(
    index: ProjectIndex, chain: Sequence[VersionEntry], headers: Mapping[int, ModelHeader]
) -> str:
    """Describe how a model was made and used, with the sources of what was used.

    ``chain`` is the versions that led to the model, the oldest first.
    """
    header = headers[chain[-1].number]
    if isinstance(header.network, ForeignNetwork):
        return _foreign(header)
    sentences = [_network(header), _data(index, chain, header)]
    sentences += [_training(entry, headers[entry.number]) for entry in chain]
    sentences.append(_scores(header))
    piece = "plane" if header.network.ndim == 2 else "volume"
    borders = " with mirrored borders" if header.network.mirrors else ""
    sentences.append(_scaling(header, piece))
    sentences.append(
        f"They were segmented tile by tile{borders}, each pixel as the class with the highest "
        "probability."
    )
    sentences.append(_versions(header))
    sources = "\n".join(f"- {source}" for source in _sources(chain, header))
    return " ".join(filter(None, sentences)) + "\n\n" + sources


def _scaling(header: ModelHeader, piece: str) -> str:
    """Say which grey values became 0 and 1."""
    by_percentiles = "from the 1st and 99.8th percentile of each channel to 0 and 1"
    if header.scaling.way == "training":
        ranges = ", ".join(f"{one.low:g} to {one.high:g}" for one in header.scaling.reference)
        return (
            f"Images were normalised from the range of the training images, {ranges}, to 0 and 1."
        )
    if header.scaling.way == "image":
        return f"Images were normalised {piece} by {piece} {by_percentiles}."
    unit = f"{piece} by {piece}" if header.scaling.way == "automatic" else "as a whole"
    return (
        f"Images were normalised {unit} {by_percentiles}; one whose range was not wider than its "
        "noise was scaled as the training images were, in units of its noise."
    )


def _foreign(header: ModelHeader) -> str:
    names = ", ".join(entry.name for entry in header.classes)
    return (
        f"Images were segmented into {len(header.classes)} classes ({names}) with a network that "
        "was made elsewhere, a package of the bioimage.io format, by onnxruntime within "
        "napari-unet, tile by tile, each pixel as the class with the highest probability. Cite "
        "the package."
    )


def _network(header: ModelHeader) -> str:
    network = header.unet
    source = "Ronneberger et al. 2015" if network.ndim == 2 else "Çiçek et al. 2016"
    kind = "U-Net" if network.ndim == 2 else "3D U-Net"
    batch = ", batch normalisation (Ioffe and Szegedy 2015)" if network.batch_norm else ""
    names = ", ".join(entry.name for entry in header.classes)
    shape = (
        "whose contracting path is EfficientNet-Lite0 (Tan and Le 2019) up to its eleventh block, "
        "pretrained on ImageNet, and whose expanding path was pretrained on microscopy"
    )
    if isinstance(network, UNetConfig):
        shape = (
            f"of {network.depth} poolings and {network.base_channels} channels at its first level"
        )
    return (
        f"Images were segmented into {len(header.classes)} classes ({names}) with a {kind} "
        f"({source}) {shape}{batch}, as implemented in napari-unet."
    )


def _data(index: ProjectIndex, chain: Sequence[VersionEntry], header: ModelHeader) -> str:
    planes = {(used.annotation, used.index) for entry in chain for used in entry.planes}
    layers = {annotation for annotation, _ in planes}
    images = {layer.image for layer in index.annotations if layer.key in layers}
    if not planes or not header.history:
        return ""
    pixels = header.history[-1].labelled_pixels
    counts = ", ".join(
        f"{pixels[entry.id]:,} of {entry.name}" for entry in header.classes if entry.id in pixels
    )
    size = ""
    if header.pixel_size is not None:
        lengths = " x ".join(f"{length:g}" for length in header.pixel_size)
        what = "pixel" if header.network.ndim == 2 else "voxel"
        size = f" of a {what} size of {lengths} {header.pixel_unit or ''}".rstrip()
    return (
        f"It was trained on sparse strokes painted on {_count(len(planes), 'plane')} of "
        f"{_count(max(1, len(images)), 'image')}{size}; the last training used {counts} pixels."
    )


def _training(entry: VersionEntry, header: ModelHeader) -> str:
    if entry.kind == "opened" or not header.history:
        return "It began with a model that had been trained before."
    record = header.history[-1]
    if entry.kind == "live":
        return (
            f"It learnt while strokes were painted, for {record.seconds:.0f} s and {record.steps} "
            "steps; its answer is the weighted mean of the network's and of those of a forest of "
            "randomised trees (Breiman 2001, Geurts et al. 2006) on image filters and of logistic "
            "regression on features of EfficientNet-Lite0 (Tan and Le 2019) pretrained on ImageNet."
        )
    return _settings(record, header, fine_tuned=entry.parent is not None)


def _settings(record: TrainingRecord, header: ModelHeader, *, fine_tuned: bool) -> str:
    preset = PRESETS[header.trained_preset]
    settings = record.settings
    optimizer = "AdamW (Loshchilov and Hutter 2019)" if preset.optimizer == "adamw" else "SGD"
    begin = "It was then trained on for" if fine_tuned else "Training took"
    elastic, w0 = settings.get("elastic"), settings.get("w0")
    augmented = (
        f", elastic deformations with a standard deviation of {elastic:g} px" if elastic else ""
    )
    weighted = (
        f" with border weights (w0 = {w0:g}, sigma = {settings.get('sigma', 5.0):g} px)"
        if w0
        else ""
    )
    rate = f"{settings.get('learning_rate') or preset.learning_rate:g}"
    return (
        f"{begin} {record.steps} steps ({record.seconds:.0f} s on {record.device}) of {optimizer} "
        f"at a learning rate of {rate}, with the weighted cross-entropy of Ronneberger et al. "
        f"2015{weighted}{augmented}, and seed {settings.get('seed', 0)}."
    )


def _scores(header: ModelHeader) -> str:
    if not header.history or header.history[-1].score is None:
        return ""
    record = header.history[-1]
    held_out = bool(record.curve) and record.curve[-1].held_out
    where = "strokes held out of the training" if held_out else "the training strokes"
    return f"The mean intersection over union was {record.score:.3f} on {where}."


def _versions(header: ModelHeader) -> str:
    if not header.history:
        return ""
    names = ", ".join(f"{name} {number}" for name, number in header.history[-1].versions.items())
    return f"Versions: {names}." if names else ""


def _sources(chain: Sequence[VersionEntry], header: ModelHeader) -> list[str]:
    sources = [_RONNEBERGER]
    if header.network.ndim == 3:
        sources.append(_CICEK)
    if header.unet.batch_norm:
        sources.append(_IOFFE)
    if PRESETS[header.trained_preset].optimizer == "adamw":
        sources.append(_LOSHCHILOV)
    live = any(entry.kind == "live" for entry in chain)
    if live:
        sources += [_BREIMAN, _GEURTS]
    if live or isinstance(header.unet, PretrainedConfig):
        sources.append(_TAN)
    return sources


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number > 1)}"
