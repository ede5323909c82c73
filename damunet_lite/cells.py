"""From a map of membrane to cells: a label image, its scores, a table of areas.

Cutting a probability at one threshold loses a cell wherever its membrane is pale for a few
pixels. :func:`segment_cells` looks at shapes as well: two broad pieces that hang together by a
narrow neck become two cells. A real narrow process looks the same as such a gap, so the cut has
a price, and `neck` sets it; ``neck=0`` cuts nowhere.

NumPy, SciPy and scikit-image only: no network library is imported.
"""

from typing import Any

import numpy as np
import skimage  # its parts load when they are first used
from scipy import ndimage, sparse

from damunet_lite import _arguments, metrics
from damunet_lite.data import draw_lines

#: Columns of `cell_table`.
COLUMNS = ("label", "area_px", "area_um2", "centroid_row", "centroid_column", "touches_border")

#: A cell counts from this many pixels on when cells are counted, not when they are segmented.
COUNTED_SIZE = 64


def segment_cells(
    probability: np.ndarray,
    threshold: float = 0.15,
    neck: float = 0.15,
    min_size: int = 20,
    lines: bool = False,
) -> np.ndarray:
    """Divide an image into cells along its membranes.

    Parameters
    ----------
    probability : float array in [0, 1], [H, W]
        Probability of membrane.
    threshold : float in [0, 1]
        Cells start from the pixels whose probability is below it.
    neck : float in [0, 1]
        A piece is cut where its radius falls below this share of the radius of the smaller of
        its two sides; at exactly that share, rounding decides. 0 never cuts.
    min_size : int
        Pieces of fewer pixels start no cell, in pixels.
    lines : bool
        Draw lines one pixel wide between the cells (`draw_lines`).

    Returns
    -------
    cells : int32 array, [H, W]
        1, 2, ... on the cells; every pixel belongs to one, membranes are shared out between the
        cells on their two sides. Each cell hangs together by the sides of its pixels. 0 on lines,
        and everywhere if no piece is large enough to start a cell.

    Raises
    ------
    ValueError
        If an argument is of the wrong kind, shape or range.

    Notes
    -----
    1. Pieces are the 4-connected components of the pixels below the threshold.
    2. Let d be the distance to a piece's edge. Its summits are the middles of the piece's broad
       parts. Lowering log d by log(1/neck) and reconstructing it under log d [1]_ keeps two
       summits apart only if d at the saddle between them is below `neck` times the lower one.
       Where it is that exactly, as 1 is a tenth of 10, the last digits of the logarithms decide,
       either way; the least change of `neck` makes it sure.
    3. A watershed on -d cuts the pieces between the summits that are left.
    4. A second watershed, on the probability, lets the parts grow until they meet on the crests
       of the membranes.

    Threshold and neck are by default those with the highest mean V_rand on the validation slices
    of twenty networks, four on each of five folds of ISBI 2012: .935, of 56 pairs from .05 and 0
    to .5 and .3. The mean is flat there: neck .1 has .931, neck .2 has .935. Broad cells decide
    it; where true processes are thin, a smaller neck spares them.

    References
    ----------
    .. [1] Vincent, L. (1993). Morphological grayscale reconstruction in image analysis:
       applications and efficient algorithms. IEEE Transactions on Image Processing 2(2),
       176-201. doi:10.1109/83.217222

    Examples
    --------
    >>> segment_cells([[0., 0., 1., .3, 0.],
    ...                [0., 0., 1., .3, 0.]], min_size=2)
    array([[1, 1, 1, 2, 2],
           [1, 1, 1, 2, 2]], dtype=int32)
    >>> segment_cells([[0., .1, .8, .4, 0.]], min_size=1, lines=True)
    array([[1, 1, 0, 2, 2]], dtype=int32)
    """
    probability = _arguments.shape("probability", probability, "[H, W]")
    probability = _arguments.probability("probability", probability)
    for name, value in (("threshold", threshold), ("neck", neck)):
        _arguments.number(name, value, lambda share: 0 <= share <= 1, "a number in [0, 1]")
    min_size, lines = _arguments.integer("min_size", min_size, 0), _arguments.truth("lines", lines)
    pieces = _keep_large(ndimage.label(probability < np.float64(threshold))[0], min_size)
    parts = _cut_at_necks(pieces, neck)
    cells = skimage.segmentation.watershed(probability, parts, connectivity=1)
    return (draw_lines(cells) if lines else cells).astype(np.int32, copy=False)


def _keep_large(labels: np.ndarray, min_size: int) -> np.ndarray:
    """Cells of at least so many pixels, numbered 1, 2, ...; 0 elsewhere."""
    numbers, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    large = (numbers > 0) & (sizes >= min_size)
    return (np.cumsum(large, dtype=np.int32) * large)[inverse].reshape(labels.shape)


def _cut_at_necks(pieces: np.ndarray, neck: float) -> np.ndarray:
    inside = pieces > 0
    # without an edge there is no distance to it, and nothing to cut
    if neck == 0 or inside.all():
        return pieces
    distance = ndimage.distance_transform_edt(inside)
    height = np.log(distance, where=inside, out=np.full(pieces.shape, np.log(neck) - 1))
    lowered = np.where(inside, height + np.log(neck), height)
    # with the default footprint, pieces that touch at corners would lose summits to each other
    level = skimage.morphology.reconstruction(lowered, height, footprint=skimage.morphology.disk(1))
    summits = ndimage.label(skimage.morphology.local_maxima(level, connectivity=1) & inside)[0]
    return skimage.segmentation.watershed(-distance, summits, connectivity=1, mask=inside)


def score_cells(truth_labels: np.ndarray, cells: np.ndarray) -> dict[str, float]:
    """Compare proposed cells with the true ones.

    Parameters
    ----------
    truth_labels : int array >= 0, [H, W]
        True cells, 0 = membrane: `metrics.label_cells` of the pixels that are not membrane, or
        instance labels.
    cells : int array >= 0, same shape
        Proposed cells. Where two of them touch, a line is drawn first (`draw_lines`).

    Returns
    -------
    dict
        `v_rand` and `v_info` in [0, 1], 1 is perfect; and counts of cells of at least 64 pixels:
        `true`, `proposed`, `found`, `split` and `merged`.

    Raises
    ------
    ValueError
        If the arrays are of the wrong kind, shape or range, or the truth has no cell.

    Notes
    -----
    V_rand and V_info are those of `metrics.segmentation_score`; an image without any cell is one
    segment there, as for the challenge. For the counts, a true cell is one of at least 64 pixels
    in the truth, a proposed one has at least 64 in the lined segmentation. Proposed cells cover
    the membranes too, so the two are compared only on the pixels that the truth gives to any
    cell, as V_rand does. There

    * a true cell is *found* if some proposed cell has more than half of the pixels that lie in
      either of the two (intersection over union above one half; there is at most one such cell);
    * a true and a proposed cell *share* if both have more than half of the smaller one. A true
      cell is *split* if it shares with two or more proposed cells, a proposed cell is *merged*
      if it shares with two or more true ones.

    A small segment inside a cell, say a mitochondrion taken for a cell, makes that cell split,
    and leaves it found.

    Examples
    --------
    Two cells of 64 pixels; the proposal joins them.

    >>> truth = np.repeat([[1] * 8 + [0] + [2] * 8], 8, axis=0)
    >>> score_cells(truth, np.ones_like(truth))
    {'v_rand': 0.6666666666666666, 'v_info': 0.0, 'true': 2, 'proposed': 1, 'found': 0,
     'split': 0, 'merged': 1}
    """
    truth = _arguments.shape("truth_labels", truth_labels, "[H, W]")
    truth = _arguments.labels("truth_labels", truth)
    cells = draw_lines(cells)
    _arguments.same_shape("cells", cells, "truth_labels", truth)
    score = metrics.segmentation_score(truth, cells if cells.any() else np.ones_like(cells))
    true, proposed = _keep_large(truth, COUNTED_SIZE), _keep_large(cells, COUNTED_SIZE)
    true_sizes, proposed_sizes = (np.bincount(cells[truth > 0]) for cells in (true, proposed))
    both = (true > 0) & (proposed > 0)
    shape = true_sizes.size, proposed_sizes.size
    pairs = sparse.coo_array((both[both].astype(int), (true[both], proposed[both])), shape)
    i, j, shared = sparse.find(pairs)
    related = 2 * shared > np.minimum(true_sizes[i], proposed_sizes[j])
    # more than half of the union: shared / (sizes - shared) > 1 / 2
    found = np.count_nonzero(3 * shared > true_sizes[i] + proposed_sizes[j])
    split, merged = (np.count_nonzero(np.bincount(cell[related]) > 1) for cell in (i, j))
    counts = dict(true=true.max(), proposed=proposed.max(), found=found, split=split, merged=merged)
    return {"v_rand": score.v_rand, "v_info": score.v_info} | {k: int(n) for k, n in counts.items()}


def cell_table(labels: np.ndarray, pixel_nm: float | None = None) -> list[dict[str, Any]]:
    """Size and place of every cell.

    Parameters
    ----------
    labels : int array >= 0, [H, W]
        One number for each cell, 0 = membrane.
    pixel_nm : float, optional
        Side of a pixel in nanometres.

    Returns
    -------
    list of dict
        A row for each cell, by its number: `label`; `area_px`, in pixels; `area_um2`, in square
        micrometres, None where no pixel size is given; `centroid_row` and `centroid_column`, in
        pixels from the centre of the first; `touches_border`, whether the image's edge may cut
        the cell.

    Raises
    ------
    ValueError
        If an argument is of the wrong kind, shape or range.

    Examples
    --------
    >>> for row in cell_table([[1, 1, 0], [1, 1, 0], [0, 0, 0]], pixel_nm=500):
    ...     print(row)
    {'label': 1, 'area_px': 4, 'area_um2': 1.0, 'centroid_row': 0.5, 'centroid_column': 0.5,
     'touches_border': True}
    """
    labels = _arguments.labels("labels", _arguments.shape("labels", labels, "[H, W]"))
    if pixel_nm is not None:
        _arguments.above_0("pixel_nm", pixel_nm)
    labels, _, numbers = skimage.segmentation.relabel_sequential(np.array(labels))
    rows = []
    for cell in skimage.measure.regionprops(labels):
        # six digits are more than a pixel size has
        area_um2 = pixel_nm and float(f"{cell.area * (pixel_nm / 1000) ** 2:.6g}")
        at_border = bool(np.any(np.equal(cell.bbox, (0, 0, *labels.shape))))
        centroid = (round(float(place), 3) for place in cell.centroid)
        values = (int(numbers[cell.label]), int(cell.area), area_um2, *centroid, at_border)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows
