/** The first visit: what may be asked, each question with its best answer for a picture. */
import { search } from './api.js';
import { byId, element } from './element.js';
import { showPicture } from './pictures.js';
import { EMPTY } from './state.js';

/** Broad enough for anybody's photographs. */
const EXAMPLES = ['a bird', 'an old building', 'something to eat', 'mountains', 'an animal with horns', 'flowers'];

/** The collection whose pictures the examples show. @type {?string} */
let pictured = null;

/**
 * @param {string} collection
 * @param {AbortSignal} signal
 * @param {(query: string) => void} onQuery
 */
export async function showHome(collection, signal, onQuery) {
  byId('home').hidden = false;
  if (pictured === collection) return;
  const images = EXAMPLES.map(() => /** @type {HTMLImageElement} */ (element('img', { alt: '' })));
  byId('examples').replaceChildren(...EXAMPLES.map((query, i) => element('li', {},
    element('button.example', { type: 'button', onclick: () => onQuery(query) },
      element('span.example-picture', {}, images[i]), element('span', {}, query)))));
  const taken = new Set();
  for (const [i, query] of EXAMPLES.entries()) {
    const { results } = await search({ ...EMPTY, query, collection }, null, signal, EXAMPLES.length);
    const best = results.find(({ id }) => !taken.has(id));
    if (!best) continue;
    taken.add(best.id);
    images[i].addEventListener('load', () => images[i].classList.add('loaded'), { once: true });
    showPicture(images[i], best.thumbnail_url, signal);
  }
  pictured = collection;
}
