"""Sentences by a gated recurrent unit over learned word vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_UNIFORM = 0.08
"""All weights start from the uniform distribution between minus this and this."""


class GruSentenceEncoder(nn.Module):
    r"""The state after the last word of a sentence.

    With x the vector of a word, without biases::

        z = σ(W_z x + U_z h)            update gate
        r = σ(W_r x + U_r h)            reset gate
        h <- (1 - z) h + z tanh(W x + U (r ⊙ h))

    as in Cho et al. 2014 and Yu et al. 2017, equations (1) and (2). ``nn.GRU`` differs: it applies r after U,
    and its z is 1 - z here.

    Args:
        numbers: V, how many numbers a word can have.
        width: of the words' vectors.
        hidden: H, of the state.
    """

    def __init__(self, numbers: int, width: int = 1024, hidden: int = 1024) -> None:
        super().__init__()
        self.words = nn.Embedding(numbers, width)
        self.inputs = nn.Linear(width, 3 * hidden, bias=False)  # W_z, W_r and W, one above the other
        self.gates = nn.Linear(hidden, 2 * hidden, bias=False)  # U_z and U_r
        self.candidate = nn.Linear(hidden, hidden, bias=False)  # U
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -_UNIFORM, _UNIFORM)

    def step(self, inputs: Tensor, state: Tensor) -> Tensor:
        """Read one word, ``inputs`` of it ``(B, 3H)``, in a state ``(B, H)``; return the next state."""
        to_z, to_r, to_candidate = inputs.chunk(3, dim=1)
        by_z, by_r = self.gates(state).chunk(2, dim=1)
        renewed, seen = torch.sigmoid(to_z + by_z), torch.sigmoid(to_r + by_r)
        return (1 - renewed) * state + renewed * torch.tanh(to_candidate + self.candidate(seen * state))

    def forward(self, numbers: Tensor, mask: Tensor) -> Tensor:
        """Encode ``(B, T)`` numbers, padded after the last word where the mask is 0, as ``(B, H)``."""
        inputs = self.inputs(self.words(numbers))
        real = (mask > 0).unsqueeze(2)
        state = torch.zeros(len(numbers), self.candidate.in_features, device=inputs.device)
        for turn in range(numbers.shape[1]):
            state = torch.where(real[:, turn], self.step(inputs[:, turn], state), state)
        return state

    @torch.no_grad()
    def start_from(self, vectors: Tensor, renewal: float) -> None:
        """Initialise with given word vectors and an update gate that forgets slowly.

        The vectors become the first dimensions of the words', scaled to standard deviation 1. The next dimension is 1
        for every word, and W_z maps it to an initial update gate of about ``renewal``. A gate that starts at 1/2, as it
        would otherwise, leaves a thousandth of a word after ten others. All other weights stay as they were drawn.

        Args:
            vectors: ``(V, D)`` with D below the words' width; rows of zeros stay as they were drawn.
            renewal: the initial z, between 0 and 1.
        """
        dimensions, known = vectors.shape[1], vectors.any(dim=1)
        self.words.weight[known, :dimensions] = vectors[known] / vectors[known].std()
        self.words.weight[:, dimensions] = 1
        self.inputs.weight[: self.candidate.in_features, dimensions] = torch.tensor(renewal).logit()
