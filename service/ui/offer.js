/** The collections that the service offers. */
import { collections } from './api.js';

let offered = { collections: [], default: null };

/**
 * Ask what is offered now.
 * @param {AbortSignal} signal
 * @returns {Promise<boolean>} whether it has changed
 */
export async function askOffer(signal) {
  const before = JSON.stringify(offered);
  offered = await collections(signal);
  return JSON.stringify(offered) !== before;
}

/** @returns {{name: string}[]} */
export const offeredCollections = () => offered.collections;

/** @returns {?string} the collection that needs no mention */
export const usualCollection = () => offered.default ?? offered.collections[0]?.name ?? null;

const named = (wanted) => offered.collections.find(({ name }) => name === wanted);

/** @param {{name: string, generation: number}} shown @returns {boolean} whether there is a newer index of it */
export const isOutdated = (shown) => (named(shown.name)?.generation ?? shown.generation) !== shown.generation;

/** @param {?string} collection @returns {string} one line about it */
export function factsOf(collection) {
  const one = named(collection);
  if (!one) return '';
  const { name, images, captions, model, generation } = one;
  const counted = captions ? `${images} images, ${captions} captions` : `${images} images`;
  return `${name}: ${counted} · ${model} · generation ${generation}`;
}
