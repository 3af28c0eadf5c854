/** Puts the collection's pictures into <img> elements, with the key where one is needed. */
import { blob, key, pictureAddress } from './api.js';
import { element } from './element.js';
import { uploadOf } from './uploads.js';

/**
 * @param {string} address
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>} what an <img> can load: the address itself, or where a key is needed a `blob:` of it
 */
async function source(address, signal) {
  return key() ? URL.createObjectURL(await blob(address, signal)) : address;
}

function load(image, src) {
  image.addEventListener('load', () => URL.revokeObjectURL(src), { once: true });
  image.addEventListener('error', () => image.classList.add('missing'), { once: true });
  image.src = src;
}

/**
 * Show a picture. Where it does not come, its box and its alternative text stay.
 * @param {HTMLImageElement} image
 * @param {string} address
 * @param {AbortSignal} [signal]
 */
export async function showPicture(image, address, signal) {
  try {
    load(image, await source(address, signal));
  } catch {
    if (!signal?.aborted) image.classList.add('missing'); // the box shows what it would have shown, in words
  }
}

/**
 * Show the picture that is searched by.
 * @param {HTMLImageElement} image
 * @param {import('./state.js').State} state
 * @param {AbortSignal} signal
 */
export function showSource(image, state, signal) {
  if (state.image) showPicture(image, pictureAddress(state.image, state.collection, 'thumbnail'), signal);
  else load(image, URL.createObjectURL(uploadOf(state.upload)));
}

/**
 * Replace a small picture by a large one once the large one can be drawn, so that the element never goes blank.
 * @param {HTMLImageElement} image
 * @param {string} address of an original, which the browser may be unable to draw (HEIC): the small one then stays
 * @param {AbortSignal} signal
 */
export async function sharpenPicture(image, address, signal) {
  try {
    const ahead = new Image();
    ahead.src = await source(address, signal);
    await ahead.decode();
    if (!signal.aborted) load(image, ahead.src);
  } catch {
    // aborted, or not for this browser
  }
}

/** Let a link open a picture that needs the key, which a link cannot send. @param {HTMLAnchorElement} link */
export function openWithKey(link) {
  link.addEventListener('click', async (event) => {
    if (!key()) return;
    event.preventDefault();
    const address = await source(link.href);
    if (link.download) element('a', { href: address, download: link.download }).click();
    else window.open(address, '_blank', 'noopener');
  });
}
