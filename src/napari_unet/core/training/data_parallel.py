"""Forward and backward passes of a batch, in parts side by side on a CPU.

Threads inside each operation wait for each other hundreds of times a step, and each wait becomes
a time slice of the scheduler as soon as another program, a window for example, wants a core.
Parts of a batch on threads of their own wait once a step.
"""

from __future__ import annotations

import copy
import statistics
import time
from concurrent.futures import ThreadPoolExecutor, wait

import torch
from torch import Tensor

from napari_unet.core.network.device import channels_last, computing, repeatably
from napari_unet.core.network.networks import TrainedNetwork
from napari_unet.core.training.loss import weighted_cross_entropy
from napari_unet.core.training.patch_sampler import Batch

_MOST_PARTS = 2  # fewer patches a part would make poor statistics for batch normalisation


class Replicas:
    """Copies of a network that share its weights and have gradients of their own.

    The result does not depend on how many threads work on the parts, which is chosen by time. The
    network's gradients and running statistics are set; a GPU gets the batch whole.
    """

    def __init__(
        self,
        network: TrainedNetwork,
        *,
        batch: int,
        device: torch.device,
        dtype: torch.dtype,
        seed: int,
    ) -> None:
        threads = torch.get_num_threads()
        parts = min(_MOST_PARTS, threads, batch) if device.type == "cpu" else 1
        self._device, self._dtype = device, dtype
        self._networks = [network, *(_sharing(network) for _ in range(parts - 1))]
        self._generators = [torch.Generator(device).manual_seed(seed + i) for i in range(parts)]
        self._pace = _Pace(parts)
        self._pool = ThreadPoolExecutor(
            parts, "training", torch.set_num_threads, (max(1, threads // parts),)
        )

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def backward(self, batch: Batch) -> Tensor:
        """Set the network's gradients to those of the loss on a batch, and return the loss.

        The loss is that of :func:`training.loss.weighted_cross_entropy` over the whole batch, a
        float32 scalar without a gradient; only batch normalisation sees the parts one by one.
        """
        start = time.perf_counter()
        total = batch.weights.sum()
        parts = _split(batch, len(self._networks))
        self._share_statistics()
        if self._pace.workers == 1:
            jobs = [self._pool.submit(self._work, dict(enumerate(parts)), total)]
        else:
            jobs = [self._pool.submit(self._work, {i: p}, total) for i, p in enumerate(parts)]
        wait(jobs)  # all of them, before an error of one is raised
        loss = torch.stack([job.result() for job in jobs]).sum()
        self._gather(len(parts))
        self._pace.note(time.perf_counter() - start)
        return loss

    def _work(self, parts: dict[int, Batch], total: Tensor) -> Tensor:
        """Do the passes of some parts, by their numbers, one after the other."""
        losses = []
        for number, batch in parts.items():
            network = self._networks[number]
            network.train()
            network.zero_grad(set_to_none=True)
            x = batch.images.contiguous(memory_format=channels_last(network.config.ndim))
            padded = network.config.pad_in_training
            with computing(self._device, self._dtype):
                logits = network(x, padded=padded, generator=self._generators[number])
            loss = weighted_cross_entropy(logits, batch.classes, batch.weights, total)
            with repeatably(self._device):
                loss.backward()
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    @torch.no_grad()
    def _share_statistics(self) -> None:
        """Let each copy go on from the network's running statistics, which may have been reset."""
        first, *others = map(_statistics, self._networks)
        for other in others:
            for own, shared in zip(other, first, strict=True):
                own.copy_(shared)

    @torch.no_grad()
    def _gather(self, count: int) -> None:
        """Add up the gradients and average the running statistics of the first ``count``."""
        first, *others = self._networks[:count]
        for other in others:
            gradients = [p.grad for p in first.parameters() if p.grad is not None]
            added = [p.grad for p in other.parameters() if p.grad is not None]
            torch._foreach_add_(gradients, added)
        for buffer, *copies in zip(*map(_statistics, (first, *others)), strict=True):
            buffer.copy_(torch.stack([buffer, *copies]).mean(dim=0))


def _sharing(network: TrainedNetwork) -> TrainedNetwork:
    """Return a copy that shares the weights; gradients and running statistics are its own."""
    replica = copy.deepcopy(network)
    for own, shared in zip(replica.parameters(), network.parameters(), strict=True):
        own.data = shared.data
    return replica


def _statistics(network: TrainedNetwork) -> list[Tensor]:
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]


class _Pace:
    """Chooses between all workers and one by the time that steps take.

    One worker alone is faster where other programs hold the remaining cores. The other choice is
    tried for two steps now and then, and less often each time it loses.
    """

    _TRIAL = 2
    _FIRST_TRIAL_AFTER = 20
    _LAST_TRIAL_AFTER = 640

    def __init__(self, most: int) -> None:
        self._most = most
        self._preferred = most
        self._times: list[float] = []
        self._trial_times: list[float] = []
        self._trial_after = self._FIRST_TRIAL_AFTER
        self.workers = most

    def note(self, seconds: float) -> None:
        """Take in the time of a step."""
        if self._most == 1:
            return
        if self.workers != self._preferred:
            self._trial_times.append(seconds)
            if len(self._trial_times) == self._TRIAL:
                self._decide()
            return
        self._times.append(seconds)
        if len(self._times) >= self._trial_after:
            self.workers = 1 if self._preferred == self._most else self._most

    def _decide(self) -> None:
        if min(self._trial_times) < 0.9 * statistics.median(self._times[-10:]):
            self._preferred = self.workers
            self._trial_after = self._FIRST_TRIAL_AFTER
        else:
            self.workers = self._preferred
            self._trial_after = min(2 * self._trial_after, self._LAST_TRIAL_AFTER)
        self._times, self._trial_times = [], []


def _split(batch: Batch, parts: int) -> list[Batch]:
    """Cut a batch into at most ``parts`` parts of equal size, as far as they go."""
    cut = [
        tensor.tensor_split(min(parts, len(batch.images)))
        for tensor in (batch.images, batch.classes, batch.weights)
    ]
    return [Batch(*tensors) for tensors in zip(*cut, strict=True)]
