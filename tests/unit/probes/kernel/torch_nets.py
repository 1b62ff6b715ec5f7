"""Networks of PyTorch for tests of kernels: what a layer-structured kernel must take apart, and what it must not."""

import numpy as np

from tests.tiny_models import torch_or_skip

torch = torch_or_skip()
nn, F = torch.nn, torch.nn.functional
rng = np.random.default_rng(0)
N, D, C, T, V = 6, 4, 3, 5, 7
ROWS = rng.normal(size=(N, D))
IMAGES = rng.normal(size=(N, 2, 6, 5))
SEQUENCES = rng.normal(size=(N, T, D))
CODES = rng.integers(0, V, (N, T))


class Net(nn.Module):
    """A module with a function as its pass."""

    def __init__(self, call, **parts):
        super().__init__()
        self.call = call
        for name, part in parts.items():
            if isinstance(part, nn.Module | nn.Parameter):
                setattr(self, name, part)
            else:
                self.register_buffer(name, part)

    def forward(self, *inputs):
        return self.call(self, *inputs)


def of(*shape):
    return nn.Parameter(torch.from_numpy(rng.normal(size=shape)))


def mlp():
    return nn.Sequential(
        nn.Linear(D, 5), nn.ReLU(inplace=True), nn.Linear(5, 5, bias=False), nn.Tanh(), nn.Linear(5, C)
    )


def cnn():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=(2, 1), padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
        nn.Conv2d(4, 6, (1, 3), dilation=(1, 2), padding="same", groups=2), nn.GroupNorm(3, 6), nn.Tanh(),
        nn.Conv2d(6, 6, 3, padding=1, padding_mode="circular"), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, C),
    )  # fmt: skip


def sequence():
    """Convolutions along time, then layers at every position."""
    return Net(
        lambda net, x: net.last(
            F.layer_norm(net.conv(x.transpose(1, 2)).transpose(1, 2), (6,), net.scale) @ net.w
        ).mean(1),
        conv=nn.Conv1d(D, 6, 3, padding=1),
        scale=of(6),
        w=of(6, 4),
        last=nn.Linear(4, C),
    )


def encoder(batch_first=True):
    layer = nn.TransformerEncoderLayer(D, 2, 8, dropout=0.1, batch_first=batch_first)
    if batch_first:
        return Net(lambda net, x: net.last(net.layer(x).mean(1)), layer=layer, last=nn.Linear(D, C))
    return Net(lambda net, x: net.last(net.layer(x.transpose(0, 1)).mean(0)), layer=layer, last=nn.Linear(D, C))


def words():
    """A table with padding, positions by number, and the table again as the last layer."""

    def call(net, codes):
        hidden = net.table(codes) + net.positions(torch.arange(T)) + net.shift
        return (torch.tanh(net.inner(hidden)) @ net.table.weight.t()).mean(1)[:, :C]

    return Net(
        call,
        table=nn.Embedding(V, D, padding_idx=1),
        positions=nn.Embedding(T, D),
        shift=of(1, 1, D),
        inner=nn.Linear(D, D),
    )


def merged():
    """Examples and positions on one axis, in both orders."""

    def call(net, x):
        first = net.first(x.reshape(-1, D)).reshape(-1, T, 5)
        second = net.second(torch.tanh(first).transpose(0, 1).reshape(-1, 5)).reshape(T, -1, C)
        return second.sum(0) * net.scale

    return Net(call, first=nn.Linear(D, 5), second=nn.Linear(5, C), scale=of(C))


def elsewhere():
    """The weight of a module is used by a function too."""

    def call(net, x):
        return net.last(torch.tanh(net.first(x))) + 0.3 * torch.sin(x @ net.first.weight.t())[:, :C]

    return Net(call, first=nn.Linear(D, 5), last=nn.Linear(5, C))


def hidden():
    """A weight enters a function that cannot be watched."""

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x * (w**2).sum()

        @staticmethod
        def backward(ctx, slope):
            x, w = ctx.saved_tensors
            return slope * (w**2).sum(), 2 * w * (slope * x).sum()

    def call(net, x):
        return net.last(Square.apply(torch.tanh(net.first(x)), net.first.weight))

    return Net(call, first=nn.Linear(D, 5), last=nn.Linear(5, C))


def twice():
    inner = nn.Linear(D, D)
    return nn.Sequential(inner, nn.Tanh(), inner, nn.Tanh(), nn.Linear(D, C))


def tied():
    def call(net, x):
        return net.last(torch.tanh(net.first(x)) @ net.first.weight)

    return Net(call, first=nn.Linear(D, 5), last=nn.Linear(D, C))


def made():
    """Weights made of other parameters: low rank, pruned, and scaled."""

    def call(net, x):
        hidden = F.linear(x, net.w + net.u @ net.v, net.b * 2)
        hidden = F.linear(torch.tanh(hidden), net.w2 * net.mask)
        return F.linear(torch.tanh(hidden), 0.5 * net.w3)

    mask = torch.from_numpy(rng.integers(0, 2, (5, 5)).astype(float))
    return Net(call, w=of(5, D), u=of(5, 2), v=of(2, D), b=of(5), w2=of(5, 5), mask=mask, w3=of(C, 5))


def normed():
    return nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(D, 5)),
        nn.Tanh(),
        nn.LayerNorm(5),
        nn.RMSNorm(5),
        nn.Linear(5, C),
    )


def split():
    def call(net, x):
        q, k = net.w.chunk(2)
        return net.last(F.linear(x, q) * F.linear(x, k)) + F.linear(x, net.w[1 : 1 + C])

    return Net(call, w=of(10, D), last=nn.Linear(5, C))


def summed():
    """Einstein sums, matrices from the left."""

    def call(net, x):
        q = torch.einsum("ntd,dhe->nhte", x, net.q)
        mixed = net.mix @ torch.tanh(q).flatten(2)
        return torch.einsum("nhk,hkc->nc", mixed, net.o)

    return Net(call, q=of(D, 2, 3), mix=of(2, 2), o=of(2, 15, C))


def recurrent():
    return Net(
        lambda net, x: net.last(net.gru(x)[0][:, -1]), gru=nn.GRU(D, 4, batch_first=True), last=nn.Linear(4, C)
    )


def wide_twice():
    """So wide that pairs of positions are cheaper than rows."""
    inner = nn.Linear(64, 64)
    return nn.Sequential(nn.Linear(D, 64), nn.Tanh(), inner, nn.Tanh(), inner, nn.Tanh(), nn.Linear(64, C))


def wide_sequence():
    return Net(
        lambda net, x: net.last(torch.tanh(net.first(x[:, :2]))).mean(1),
        first=nn.Linear(D, 90),
        last=nn.Linear(90, C),
    )


def large_table():
    def call(net, codes):
        return net.last(torch.tanh(net.table(codes[:, :2])).sum(1))

    return Net(call, table=nn.Embedding(300, D, padding_idx=0), last=nn.Linear(D, C))


CASES = {
    "mlp": (mlp, ROWS), "cnn": (cnn, IMAGES), "sequence": (sequence, SEQUENCES), "encoder": (encoder, SEQUENCES),
    "encoder, time first": (lambda: encoder(False), SEQUENCES), "words": (words, CODES), "merged": (merged, SEQUENCES),
    "elsewhere": (elsewhere, ROWS), "hidden": (hidden, ROWS), "twice": (twice, ROWS), "tied": (tied, ROWS),
    "made": (made, ROWS), "normed": (normed, ROWS), "split": (split, ROWS), "summed": (summed, SEQUENCES),
    "wide twice": (wide_twice, ROWS), "wide sequence": (wide_sequence, SEQUENCES), "large table": (large_table, CODES * 40),
    "recurrent": (recurrent, SEQUENCES),
}  # fmt: skip


def built(name):
    """A network in float64 and evaluation mode with statistics that are not those of the start, and its inputs."""
    make, x = CASES[name]
    torch.manual_seed(0)
    net = make().double()
    for one in net.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.running_mean.normal_()
            one.running_var.uniform_(0.5, 2.0)
    return net.eval(), x


def oracle(net, x):
    """The kernel ``(n, C, n, C)`` from the whole Jacobian, one reverse pass an output."""
    inputs = torch.from_numpy(x)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        torch.backends.mha.set_fastpath_enabled(False)
        outputs = net(inputs)
    own = list(net.parameters())
    rows = []
    for one in outputs.reshape(-1):
        parts = torch.autograd.grad(one, own, retain_graph=True, allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([part.reshape(-1) for part in parts]))
    torch.backends.mha.set_fastpath_enabled(True)
    jacobian = torch.stack(rows).numpy()
    size = jacobian.shape[0] // len(x)
    return (jacobian @ jacobian.T).reshape(len(x), size, len(x), size)
