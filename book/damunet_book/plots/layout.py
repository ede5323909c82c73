"""Where the boxes and arrows of a U-shaped network lie, read from the model itself."""

from collections import Counter
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Box:
    """Layers drawn as one: where they are and what leaves them.

    Attributes
    ----------
    name : str
        What the names of the layers have in common.
    kind : {"input", "block", "gate", "attention", "head"}
        A gate takes a skip connection and a gating signal, an attention one feature map.
    layers : tuple of str
        Names of the layers, in order.
    size : tuple of int
        Height and width of the output, in pixels.
    channels : int
        Channels of the output.
    row : int
        0 at full size, 1 at the next smaller size, and so on.
    column : float
        From left to right along the longest path; gates lie between columns.
    """

    name: str
    kind: str
    layers: tuple[str, ...]
    size: tuple[int, int]
    channels: int
    row: int = 0
    column: float = 0.0


@dataclass(frozen=True)
class Edge:
    """Arrow from one box to another.

    Attributes
    ----------
    source, target : str
        Names of boxes.
    kind : {"flow", "down", "up", "skip", "gating", "image", "head"}
        "image" is the input image at a smaller size; "flow" is a step at the same size.
    """

    source: str
    target: str
    kind: str


@dataclass(frozen=True)
class NetworkLayout:
    """Boxes and edges of a network, as :func:`network_layout` finds them."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]

    def __getitem__(self, name: str) -> Box:
        """The box of that name."""
        return next(box for box in self.boxes if box.name == name)


class _Op:
    """One layer in one place of a graph, with its neighbours and output shape."""

    def __init__(self, layer, parents):
        self.layer, self.parents, self.children = layer, parents, []
        self.shape: tuple[int, ...] = ()
        self.group: Any = None
        for parent in parents:
            parent.children.append(self)

    @property
    def type(self) -> str:
        return type(self.layer).__name__

    @property
    def change(self) -> float:
        """Height of the output over the height of the (largest) input."""
        return self.shape[1] / max(parent.shape[1] for parent in self.parents)

    @property
    def is_gate(self) -> bool:
        return callable(getattr(self.layer, "coefficients", None))

    @property
    def kernel(self) -> int:
        """Side of the kernel of a convolution, 0 for any other layer."""
        if self.type not in ("Conv2D", "SeparableConv2D"):
            return 0
        return max(self.layer.kernel_size)


class _Group:
    """Layers gathered: a box in the making, or a "down" or "up" that becomes an arrow."""

    def __init__(self, kind: str, ops: list[_Op], skip: _Op | None = None):
        # A gate knows its skip connection from its gating signal.
        self.kind, self.ops, self.skip = kind, ops, skip
        for op in ops:
            op.group = self

    def add(self, op: _Op) -> None:
        self.ops.append(op)
        op.group = self

    @property
    def inputs(self) -> list[_Op]:
        """Layers outside that feed the group, without repeats."""
        outside = [p for op in self.ops for p in op.parents if p.group is not self]
        return list(dict.fromkeys(outside))


def _walk(model, side: int) -> list[_Op]:
    """Layers between inputs and outputs of a functional model, in topological order."""
    import keras  # here, because most figures need no network

    found, tensors = {}, {}

    def visit(tensor) -> _Op:
        layer, node_index, _ = tensor._keras_history
        key = f"{id(layer)}/{node_index}"
        if key not in found:
            node = layer._inbound_nodes[node_index]
            parents = [] if node.is_input else [visit(t) for t in node.input_tensors]
            found[key] = _Op(layer, parents)
            tensors[key] = tensor
        return found[key]

    outputs = [visit(tensor) for tensor in model.outputs]
    fixed = model.inputs[0].shape
    shape = (1, fixed[1] or side, fixed[2] or side, fixed[3])
    shapes = keras.Model(model.inputs, tensors).compute_output_shape(shape)
    for key, op in found.items():
        op.shape = tuple(shapes[key])
        if len(op.shape) != 4:
            raise ValueError(
                f"model has layer {op.layer.name} with output shape {op.shape}, wanted [N, H, W, C]"
            )
    for op in outputs:
        op.children.append(None)
    return list(found.values())


def _gather(ops: list[_Op]) -> list[_Group]:
    """Put every layer into one group: heads and gates first, then chains of layers."""
    groups = [_head_group(op) for op in ops if None in op.children]
    for op in ops:
        if op.group is None and op.is_gate:
            groups.append(_gate_group(op, op.parents[1:], op.parents[0]))
        elif op.group is None and op.type == "Multiply" and len(op.parents) == 2:
            weights = next((p for p in reversed(op.parents) if p.children == [op]), None)
            if weights is not None:
                other = op.parents[0] if op.parents[1] is weights else op.parents[1]
                groups.append(_gate_group(op, [weights], other))
    for op in ops:
        if op.group is None:
            groups.extend(_chained(op))
    order = {op: k for k, op in enumerate(ops)}
    return sorted(groups, key=lambda group: max(order[op] for op in group.ops))


def _head_group(op: _Op) -> _Group:
    """The last convolution before an output, and what follows it."""
    chain = [op]
    while not hasattr(chain[0].layer, "kernel_size") and len(chain[0].parents) == 1:
        parent = chain[0].parents[0]
        if parent.children != [chain[0]] or not parent.parents:
            break
        chain.insert(0, parent)
    return _Group("head", chain)


def _gate_group(op: _Op, sides: list[_Op], skip: _Op) -> _Group:
    """A gate with the layers that serve it alone, whether one layer or many make it up."""
    group = _Group("gate", [op], skip)
    waiting = list(sides)
    while waiting:
        side = waiting.pop()
        serves = all(child is not None and child.group is group for child in side.children)
        is_block = side.kernel > 1 and side.change == 1
        if side.group is None and side.parents and side is not skip and serves and not is_block:
            group.ops.insert(0, side)
            side.group = group
        if side.group is group:
            waiting.extend(side.parents)
    after = op.children
    while len(after) == 1 and after[0] is not None and _follows_gate(after[0]):
        group.add(after[0])
        after = after[0].children
    group.kind = "gate" if len(group.inputs) > 1 else "attention"
    return group


def _follows_gate(op: _Op) -> bool:
    simple = op.kernel == 1 or op.type in ("BatchNormalization", "Activation", "ReLU")
    return simple and op.group is None and len(op.parents) == 1


def _chained(op: _Op) -> list[_Group]:
    """Let a layer join the group before it, or open a new one."""
    if not op.parents:
        return [_Group("input", [op])]
    if len(op.parents) == 1:
        parent = op.parents[0]
        if op.change != 1:
            return [_Group("down" if op.change < 1 else "up", [op])]
        alone = parent.children == [op]
        plain = not hasattr(op.layer, "kernel_size")
        if alone and (parent.group.kind == "block" or _is_carrier(parent.group) and plain):
            parent.group.add(op)
            return []
    return [_Group("block", [op])]


def _is_carrier(group: _Group) -> bool:
    return group.kind in ("down", "up")


def network_layout(model: Any, side: int = 512) -> NetworkLayout:
    """Boxes, arrows and places for the drawing of a U-shaped network.

    A chain of layers at one size becomes one box, a pooling or upsampling becomes an arrow, and
    an attention gate becomes one box whether it is one layer or a dozen.

    Parameters
    ----------
    model : keras.Model
        Functional model from ``[N, H, W, C]`` to one output or several.
    side : int
        Height and width of the imagined image where the model leaves them open; a multiple of
        the network's total pooling.

    Returns
    -------
    NetworkLayout

    Raises
    ------
    ValueError
        If a layer's output is not ``[N, H, W, C]``.

    Examples
    --------
    >>> from damunet_lite.models import unet
    >>> layout = network_layout(unet(depth=1, base_filters=4))
    >>> [(box.name, box.channels, box.row, box.column) for box in layout.boxes[1:4]]
    [('down1', 4, 0, 1), ('bottom', 8, 1, 2), ('up1', 4, 0, 3)]
    >>> [f"{edge.source} {edge.kind} {edge.target}" for edge in layout.edges[1:4]]
    ['down1 down bottom', 'down1 skip up1', 'bottom up up1']
    """
    groups = _gather(_walk(model, side))
    names = _names([group for group in groups if not _is_carrier(group)])
    links = _links(groups)
    heights = sorted({op.shape[1] for group in names for op in group.ops[-1:]}, reverse=True)
    columns = _columns(list(names), links)
    boxes = [
        Box(
            name=name,
            kind=group.kind,
            layers=tuple(op.layer.name for op in group.ops),
            size=(group.ops[-1].shape[1], group.ops[-1].shape[2]),
            channels=group.ops[-1].shape[3],
            row=heights.index(group.ops[-1].shape[1]),
            column=columns[group],
        )
        for group, name in names.items()
    ]
    edges = [Edge(names[s], names[t], kind) for s, t, kind in links]
    return NetworkLayout(tuple(boxes), tuple(edges))


def _names(groups: list[_Group]) -> dict[_Group, str]:
    """A name of its own for each box: the first word that half of its layers' names share."""
    names = {}
    for group in groups:
        own = [op.layer.name for op in group.ops]
        word, count = Counter(name.split("_")[0] for name in own).most_common(1)[0]
        named = [op.layer.name for op in group.ops if op.kernel] or own
        name = own[-1] if group.kind == "head" else named[0]
        if len(own) > 1 and group.kind != "head" and 2 * count >= len(own):
            name = word if word not in names.values() else name
        while name in names.values():
            name += "'"
        names[group] = name
    return names


def _links(groups: list[_Group]) -> list[tuple[_Group, _Group, str]]:
    """Pairs of boxes with the kind of what leads from one to the other."""
    raw = []
    for group in groups:
        if _is_carrier(group):
            continue
        for op in group.inputs:
            carried, source = set(), op
            while _is_carrier(source.group):
                carried.add(source.group.kind)
                source = source.group.inputs[0]
            gating = group.kind == "gate" and op is not group.skip
            raw.append((source.group, group, "gating" if gating else carried))
    return [(s, t, _edge_kind(s, t, how, raw)) for s, t, how in raw]


def _edge_kind(source: _Group, target: _Group, how, raw: list) -> str:
    if how == "gating":
        return "gating"
    if target.kind == "head":
        return "head"
    if "up" in how:
        return "up"
    merges = sum(t is target for _, t, _ in raw) > 1
    if source.kind == "input" and "down" in how:
        return "image"
    if "down" in how:
        return "down"
    if merges and target.kind == "block" and _from_image_only(source, raw):
        return "image"
    return "skip" if _meets_upsampling(target, raw) else "flow"


def _from_image_only(group: _Group, raw: list) -> bool:
    """Whether a box sees nothing but the pooled image."""
    before = [(s, how) for s, t, how in raw if t is group]
    return bool(before) and all(s.kind == "input" and "down" in how for s, how in before)


def _meets_upsampling(target: _Group, raw: list) -> bool:
    if target.kind in ("gate", "attention"):
        after = [t for s, t, how in raw if s is target and how != "gating"]
        return bool(after) and all(_meets_upsampling(t, raw) for t in after)
    return any(t is target and "up" in how for _, t, how in raw)


def _columns(groups: list[_Group], links: list) -> dict[_Group, float]:
    """Steps along the longest path; gates stand before the box they serve."""
    standing = ("gate", "attention")
    column = {}
    for group in groups:
        # Gates take no column of their own: what follows one is a step after what feeds it.
        step = group.kind not in standing
        column[group] = max((column[s] + step for s, t, _ in links if t is group), default=0)
    for group in groups:
        kinds = {kind for s, _, kind in links if s is group}
        if group.kind == "block" and kinds == {"image"}:
            column[group] = min(column[t] for s, t, _ in links if s is group) - 1
    last = max((column[g] for g in groups if g.kind != "head"), default=0) + 1
    for group in groups:
        if group.kind == "head":
            column[group] = last
    for group in reversed(groups):
        if group.kind in standing:
            after = [t for s, t, kind in links if s is group]
            if len(after) == 1 and any(k == "skip" for s, _, k in links if s is group):
                column[group] = column[after[0]] - (0.38 if after[0].kind in standing else 0.6)
            else:
                column[group] = column[group] + 0.45
    return column
