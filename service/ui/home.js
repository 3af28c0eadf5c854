/** The first visit: what may be asked, each question with its best answer for a picture. */
import { search } from './api.js';
import { byId, element } from './element.js';
import { showPicture } from './pictures.js';
import { EMPTY } from './state.js';

/** Broad enough for anybody's photographs; those that find nothing in a collection are left out there. */
const EXAMPLES = [
  'a bird', 'an old building', 'something to eat', 'mountains', 'an animal with horns', 'flowers', 'people outdoors', 'a dog',
  'water', 'a street', 'the sky', 'a vehicle',
];
const SHOWN = 6;

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
  const examples = byId('examples');
  examples.replaceChildren();
  const taken = new Set();
  for (const query of EXAMPLES) {
    if (examples.children.length === SHOWN) break;
    const { results, warnings } = await search({ ...EMPTY, query, collection }, null, signal, SHOWN);
    const best = results.find(({ id }) => !taken.has(id));
    if (!best || warnings.length) continue;
    taken.add(best.id);
    const image = /** @type {HTMLImageElement} */ (element('img', { alt: '' }));
    image.addEventListener('load', () => image.classList.add('loaded'), { once: true });
    showPicture(image, best.thumbnail_url, signal);
    examples.append(element('li', {}, element('button.example', { type: 'button', onclick: () => onQuery(query) },
      element('span.example-picture', {}, image), element('span', {}, query))));
  }
  pictured = collection;
}
