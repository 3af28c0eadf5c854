/** Paints what speaks for a query, and against it, on a canvas that lies over its photograph. */

/** Orange and blue of Okabe and Ito (2008): apart for colour-blind readers, too. */
const FOR = [230, 159, 0];
const AGAINST = [0, 114, 178];
const LONGER_SIDE = 360;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{values: number[][], region: number[]}} map in units of the score, over the region, fractions
 *   `[left, top, right, bottom]` of the photograph
 * @param {number} scale the value that is painted at full strength
 * @param {number} ratio width / height of the photograph
 */
export function paintMap(canvas, { values, region }, scale, ratio) {
  canvas.width = Math.round(Math.min(LONGER_SIDE, LONGER_SIDE * ratio));
  canvas.height = Math.round(Math.min(LONGER_SIDE, LONGER_SIDE / ratio));
  const [left, top, right, bottom] = region.map((edge, i) => Math.round(edge * (i % 2 ? canvas.height : canvas.width)));
  const context = canvas.getContext('2d');
  context.imageSmoothingQuality = 'high';
  for (const [colour, sign] of [[FOR, 1], [AGAINST, -1]]) { // apart: a mean of both colours would be neither
    context.drawImage(cells(values, colour, sign / (scale || 1)), left, top, right - left, bottom - top);
  }
}

/** @param {HTMLCanvasElement} canvas */
export function clearMap(canvas) {
  canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
}

/**
 * @param {{region: number[]}} map
 * @param {number} x of a point, as a fraction of the photograph's width
 * @param {number} y
 * @returns {?[number, number]} how far down and across the region it lies, 0 to 1; null outside
 */
export function placeAt({ region: [left, top, right, bottom] }, x, y) {
  const [down, across] = [(y - top) / (bottom - top), (x - left) / (right - left)];
  return [down, across].every((part) => part >= 0 && part < 1) ? [down, across] : null;
}

/** @param {number[][]} values of a map @param {[number, number]} place down and across @returns {number} what it has there */
export const valueAt = (values, [down, across]) => {
  const row = values[Math.floor(down * values.length)];
  return row[Math.floor(across * row.length)];
};

/** @returns {HTMLCanvasElement} a pixel a place, as opaque as its value times the factor; the browser smooths it */
function cells(values, colour, factor) {
  const small = document.createElement('canvas');
  [small.width, small.height] = [values[0].length, values.length];
  const context = small.getContext('2d');
  const image = context.createImageData(small.width, small.height);
  values.flat().forEach((value, i) => {
    image.data.set([...colour, Math.round(255 * Math.min(1, Math.max(0, value * factor)))], 4 * i);
  });
  context.putImageData(image, 0, 0);
  return small;
}
