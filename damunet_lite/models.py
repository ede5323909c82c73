"""The four networks of the article as one family, and the article's own listing.

:func:`build_network` switches each idea on or off; the presets :func:`unet`, :func:`att_unet`,
:func:`datt_unet` and :func:`damu_net` are the rows of the article's table at equal width.
:func:`published_listing` is the article's code, layer for layer.

Layer names tell the place: ``down2_conv1`` is the first convolution of the second encoder level,
``bottom_...`` the deepest block, ``up3_...`` the decoder at the level of ``down3``, ``side4`` the
head at a quarter of the size, ``main`` the full-size one.
"""

import functools

from keras import layers

from damunet_lite import _arguments as arguments
from damunet_lite.config import ATTENTIONS
from damunet_lite.layers import CBAM, AttentionGate, BatchNormalization
from damunet_lite.supervision import SegmentationNetwork

# The public code that the listing adapts names this initialiser in its blocks, gating signals and
# transposed convolutions; elsewhere it names none, which is Keras's glorot_uniform.
_NAMED = "glorot_normal"


def _block(x, filters, name, norm, conv="_conv", **options):
    for i in (1, 2):
        x = layers.Conv2D(filters, 3, padding="same", name=f"{name}{conv}{i}", **options)(x)
        x = BatchNormalization(name=f"{name}_norm{i}", **norm)(x)
        x = layers.Activation("relu", name=f"{name}_relu{i}")(x)
    return x


def _scale_input(image, level, filters, initializer):
    factor = 2 ** (level - 1)
    small = layers.AveragePooling2D(factor, name=f"scale{factor}_pool")(image)
    options = {"padding": "same", "activation": "relu", "kernel_initializer": initializer}
    return layers.Conv2D(filters, 3, name=f"scale{factor}_conv", **options)(small)


def _attend(skip, gate, attention, name):
    if attention in ("gate", "both"):
        inter = max(skip.shape[-1] // 2, 1)
        skip = AttentionGate(inter, name=f"{name}_gate")([skip, gate])
    if attention in ("cbam", "both"):
        skip = CBAM(name=f"{name}_cbam")(skip)
    return skip


def _head(x, name):
    logits = layers.Conv2D(1, 1, name=f"{name}_logits")(x)
    return layers.Activation("sigmoid", dtype="float32", name=name)(logits)


def build_network(
    attention: str | None = None,
    deep_supervision: bool = False,
    multi_scale: bool = False,
    base_filters: int = 32,
    depth: int = 4,
    input_channels: int = 1,
    batch_norm_momentum: float = 0.9,
    dropout: float = 0.0,
    synchronized_norm: bool = False,
    name: str = "network",
) -> SegmentationNetwork:
    """Build a U-Net with any of the article's ideas, uncompiled.

    Parameters
    ----------
    attention : {None, "gate", "cbam", "both"}
        What the skip connections pass through, at every level but the finest: nothing, an
        attention gate, a CBAM, or the gate and then the CBAM.
    deep_supervision : bool
        Add a head to every decoder level; the network then returns a dict.
    multi_scale : bool
        Feed the image, average-pooled to the level's size, into encoder levels 2 to ``depth``.
    base_filters : int
        Channels of the first level; they double with each level.
    depth : int
        Number of poolings. Height and width must be multiples of ``2 ** depth``.
    input_channels : int
        Channels of the image.
    batch_norm_momentum : float
        Keras's default of 0.99 leaves the running statistics behind for hundreds of steps.
    dropout : float
        Dropout rate after the deepest block.
    synchronized_norm : bool
        Take the statistics of batch normalisation over the batches of all devices. TensorFlow
        needs it for training on several devices; a file saved so loads on that backend only.
    name : str
        Name of the model.

    Returns
    -------
    SegmentationNetwork
        Input [N, H, W, input_channels]; output the membrane probability [N, H, W, 1], or with
        deep supervision a dict ``{"main", "side2", "side4", ...}``.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it.

    References
    ----------
    Ronneberger et al. 2015, MICCAI, doi:10.1007/978-3-319-24574-4_28 (U-Net);
    Oktay et al. 2018, arXiv:1804.03999 (attention gate);
    Woo et al. 2018, ECCV, doi:10.1007/978-3-030-01234-2_1 (CBAM);
    Lee et al. 2015, AISTATS, arXiv:1409.5185 (deep supervision);
    Abraham and Khan 2019, ISBI, doi:10.1109/ISBI.2019.8759329 (multi-scale input).

    Examples
    --------
    >>> network = build_network(attention="gate", deep_supervision=True, base_filters=4)
    >>> network.heads
    ('main', 'side2', 'side4', 'side8')
    """
    arguments.choice("attention", attention, ATTENTIONS)
    base_filters = arguments.integer("base_filters", base_filters, 1)
    depth = arguments.integer("depth", depth, 1)
    input_channels = arguments.integer("input_channels", input_channels, 1)
    dropout = arguments.share("dropout", dropout)
    norm = {"momentum": arguments.share("batch_norm_momentum", batch_norm_momentum)}
    norm["synchronized"] = arguments.truth("synchronized_norm", synchronized_norm)
    block = functools.partial(_block, norm=norm, use_bias=False, kernel_initializer="he_normal")
    filters = [base_filters * 2**i for i in range(depth + 1)]
    image = layers.Input((None, None, input_channels), name="image")
    x, skips = image, []
    for level in range(1, depth + 1):
        if level > 1:
            x = layers.MaxPooling2D(name=f"down{level}_pool")(x)
            if arguments.truth("multi_scale", multi_scale):
                scaled = _scale_input(image, level, filters[level - 1], "he_normal")
                x = layers.Concatenate(name=f"down{level}_concat")([scaled, x])
        x = block(x, filters[level - 1], f"down{level}")
        skips.append(x)
    x = layers.MaxPooling2D(name="bottom_pool")(x)
    x = block(x, filters[depth], "bottom")
    if dropout:
        x = layers.Dropout(dropout, name="bottom_dropout")(x)

    heads = {}
    for level in range(depth, 0, -1):
        skip = skips[level - 1]
        if level > 1:
            skip = _attend(skip, x, attention, f"up{level}")
        x = layers.Conv2DTranspose(filters[level - 1], 2, strides=2, name=f"up{level}_upsample")(x)
        x = layers.Concatenate(name=f"up{level}_concat")([skip, x])
        x = block(x, filters[level - 1], f"up{level}")
        if arguments.truth("deep_supervision", deep_supervision) or level == 1:
            head = "main" if level == 1 else f"side{2 ** (level - 1)}"
            heads = {head: _head(x, head), **heads}
    return SegmentationNetwork(image, heads if deep_supervision else heads["main"], name=name)


def unet(**kwargs) -> SegmentationNetwork:
    """Plain U-Net; keyword arguments as for :func:`build_network`.

    Examples
    --------
    >>> f"{unet().count_params():,}"
    '7,768,353'
    """
    return build_network(**{"name": "unet", **kwargs})


def att_unet(**kwargs) -> SegmentationNetwork:
    """U-Net with attention on its skip connections (``attention="gate"`` by default).

    Examples
    --------
    >>> att_unet(base_filters=4).name
    'att_unet'
    """
    return build_network(**{"name": "att_unet", "attention": "gate", **kwargs})


def datt_unet(**kwargs) -> SegmentationNetwork:
    """Attention U-Net with deep supervision.

    Examples
    --------
    >>> datt_unet(base_filters=4).heads
    ('main', 'side2', 'side4', 'side8')
    """
    return att_unet(**{"name": "datt_unet", "deep_supervision": True, **kwargs})


def damu_net(**kwargs) -> SegmentationNetwork:
    """Attention U-Net with deep supervision and multi-scale input: DAMU-Net.

    Examples
    --------
    >>> damu_net(base_filters=4, attention="both").name
    'damu_net'
    """
    return datt_unet(**{"name": "damu_net", "multi_scale": True, **kwargs})


PRESETS = {"unet": unet, "att_unet": att_unet, "datt_unet": datt_unet, "damu_net": damu_net}


def _listing_gate(x, deep, inter, stride, number, norm):
    name = f"signal{number}"
    signal = layers.Conv2D(deep.shape[-1], 1, name=f"{name}_conv", kernel_initializer=_NAMED)(deep)
    signal = BatchNormalization(name=f"{name}_norm", **norm)(signal)
    signal = layers.Activation("relu", name=f"{name}_relu")(signal)
    name = f"gate{number}"
    theta = layers.Conv2D(inter, 2, strides=2, name=f"{name}_theta")(x)
    phi = layers.Conv2D(inter, 1, name=f"{name}_phi")(signal)
    options = {"strides": stride, "padding": "same", "name": f"{name}_enlarge"}
    enlarged = layers.Conv2DTranspose(inter, 3, **options)(phi)
    joined = layers.Add(name=f"{name}_add")([theta, enlarged])
    joined = layers.Activation("relu", name=f"{name}_relu")(joined)
    psi = layers.Conv2D(1, 1, name=f"{name}_psi")(joined)
    coefficients = layers.Activation("sigmoid", name=f"{name}_sigmoid")(psi)
    coefficients = layers.UpSampling2D(2, name=f"{name}_coefficients")(coefficients)
    gated = layers.Multiply(name=f"{name}_multiply")([x, coefficients])
    mixed = layers.Conv2D(x.shape[-1], 1, name=f"{name}_mix")(gated)
    return BatchNormalization(name=f"{name}_norm", **norm)(mixed)


def _listing_up(x, filters, skip, name):
    options = {"strides": 2, "padding": "same", "activation": "relu", "kernel_initializer": _NAMED}
    x = layers.Conv2DTranspose(filters, 3, name=f"{name}_upsample", **options)(x)
    return layers.Concatenate(name=name)([x, skip])


def published_listing(
    correct_gate3: bool = False,
    full_conv4: bool = False,
    synchronized_norm: bool = False,
    name: str = "published_listing",
) -> SegmentationNetwork:
    """The article's network ``attn_reg`` as its code has it, quirks included.

    Parameters
    ----------
    correct_gate3 : bool
        Take the third gating signal from ``up2``, one level below its skip connection, where the
        listing reuses ``up1``.
    full_conv4 : bool
        Give ``conv4`` the 256 filters its place in the pyramid asks for, where the listing has 64.
    synchronized_norm : bool
        See :func:`build_network`.

    Returns
    -------
    SegmentationNetwork
        Input [N, H, W, 1] with H and W multiples of 16; output a dict of four heads. Parameters:
        5,638,503 as written, 5,669,703 with the gate corrected, 8,573,511 with both corrections.

    Notes
    -----
    The decoder has no convolutions of its own: ``conv6`` to ``conv9`` feed nothing but the heads.
    The listing trains the three side heads with the focal Tversky loss and the main one with the
    plain Tversky loss, pooled over the batch, on strided targets. All of this, the signal of the
    third gate and the 64 filters included, stands in the public code of the design that it adapts,
    and so do the first weights: glorot_normal in the blocks, gating signals and transposed
    convolutions of the decoder, glorot_uniform elsewhere. The presets have he_normal.

    References
    ----------
    Abraham and Khan 2019, ISBI, doi:10.1109/ISBI.2019.8759329; their code: repository
    nabsabraham/focal-tversky-unet.

    Examples
    --------
    >>> f"{published_listing().count_params():,}"
    '5,638,503'
    """
    image = layers.Input((None, None, 1), name="image")
    norm = {"synchronized": arguments.truth("synchronized_norm", synchronized_norm)}
    block = functools.partial(_block, norm=norm, conv="_", kernel_initializer=_NAMED)
    widths = (32, 64, 128, 256 if arguments.truth("full_conv4", full_conv4) else 64)
    x, convs = image, []
    for level, filters in enumerate(widths, start=1):
        if level > 1:
            x = layers.MaxPooling2D(name=f"pool{level - 1}")(x)
            scaled = _scale_input(image, level, 32 * 2 ** (level - 1), "glorot_uniform")
            x = layers.Concatenate(name=f"conv{level}_input")([scaled, x])
        x = block(x, filters, f"conv{level}")
        convs.append(x)
    conv1, conv2, conv3, conv4 = convs
    centre = block(layers.MaxPooling2D(name="pool4")(conv4), 512, "center")

    up1 = _listing_up(centre, 32, _listing_gate(conv4, centre, 128, 1, 1, norm), "up1")
    up2 = _listing_up(up1, 64, _listing_gate(conv3, up1, 64, 1, 2, norm), "up2")
    third, stride = (up2, 1) if arguments.truth("correct_gate3", correct_gate3) else (up1, 2)
    up3 = _listing_up(up2, 32, _listing_gate(conv2, third, 32, stride, 3, norm), "up3")
    up4 = _listing_up(up3, 32, conv1, "up4")

    heads = {}
    places = (("side8", up1, 256), ("side4", up2, 128), ("side2", up3, 64), ("main", up4, 32))
    for conv, (head, up, filters) in enumerate(places, start=6):
        heads[head] = _head(block(up, filters, f"conv{conv}"), head)
    return SegmentationNetwork(image, dict(reversed(heads.items())), name=name)
