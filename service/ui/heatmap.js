/** Paints a heat map on a canvas that lies over its photograph. */

/** Matplotlib's "inferno" (CC0): dark to bright in even steps of lightness, readable without colour vision. */
const INFERNO = [
  [0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164],
];
const LONGER_SIDE = 360;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{values: number[][], region: number[]}} heat values in 0..1 over the region, fractions
 *   `[left, top, right, bottom]` of the photograph
 * @param {number} ratio width / height of the photograph
 * @returns {boolean} whether anything is hot
 */
export function paintHeat(canvas, { values, region }, ratio) {
  canvas.width = Math.round(Math.min(LONGER_SIDE, LONGER_SIDE * ratio));
  canvas.height = Math.round(Math.min(LONGER_SIDE, LONGER_SIDE / ratio));
  const [left, top, right, bottom] = region.map((edge, i) => Math.round(edge * (i % 2 ? canvas.height : canvas.width)));
  const context = canvas.getContext('2d');
  const image = context.createImageData(right - left, bottom - top);
  const wide = values.map((row) => stretch(row, image.width));
  const columns = wide[0].map((_, x) => stretch(wide.map((row) => row[x]), image.height));
  columns.forEach((column, x) => column.forEach((raw, y) => {
    const value = Math.min(1, Math.max(0, raw));
    image.data.set([...colour(value), Math.round(255 * value)], 4 * (y * image.width + x));
  }));
  context.putImageData(image, left, top);
  return values.some((row) => row.some((value) => value > 0));
}

/** Scale a line of cells to a line of pixels: Catmull-Rom through the cells' centres, flat beyond the outermost. */
function stretch(cells, pixels) {
  const at = (i) => cells[Math.min(cells.length - 1, Math.max(0, i))];
  return Array.from({ length: pixels }, (_, pixel) => {
    const place = Math.min(cells.length - 1, Math.max(0, ((pixel + 0.5) / pixels) * cells.length - 0.5));
    const cell = Math.floor(place);
    const t = place - cell;
    const [a, b, c, d] = [at(cell - 1), at(cell), at(cell + 1), at(cell + 2)];
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
  });
}

function colour(value) {
  const [stop, next, part] = [value * (INFERNO.length - 1)].flatMap((place) => {
    const below = Math.min(INFERNO.length - 2, Math.floor(place));
    return [INFERNO[below], INFERNO[below + 1], place - below];
  });
  return stop.map((channel, i) => Math.round(channel + (next[i] - channel) * part));
}
