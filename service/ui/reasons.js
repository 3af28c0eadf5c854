/** A score taken apart: what each term of the query gives, and what each word does. */
import { element } from './element.js';
import { valueAt } from './heatmap.js';

/** @typedef {import('./api.js').Contribution} Contribution */

const DIGITS = 4;

/** @param {number} value @returns {string} with its sign; a true minus */
export const signedText = (value, digits = DIGITS) => (value < 0 ? '−' : '+') + Math.abs(value).toFixed(digits);

/**
 * A table of bars that grow from a common zero; the last row is the score.
 * @param {HTMLElement} table
 * @param {Contribution[]} contributions
 * @param {number} score
 */
export function showBreakdown(table, contributions, score) {
  const ends = [0, score, ...contributions.map(({ value }) => value)];
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const span = high - low || 1;
  const texts = roundedTogether([...contributions.map(({ value }) => value)], score);
  const row = (tag, name, value, text) => element(tag, {},
    element('th', { scope: 'row' }, name),
    element('td.bar', { 'aria-hidden': 'true' }, element(value < 0 ? 'i.minus' : 'i.plus', {
      '--from': ((Math.min(0, value) - low) / span).toFixed(4), '--width': (Math.abs(value) / span).toFixed(4),
    })),
    element('td.value', {}, element('data', { value }, text)));
  table.replaceChildren(
    element('tbody', {}, ...(contributions.length > 1 // what one term gives is the score itself
      ? contributions.map(({ term, value }, i) => row('tr', termText(term), value, texts[i])) : [])),
    element('tfoot', {}, row('tr', 'Score', score, signedText(score).replace('+', ''))));
}

/** A word with its number; a button where it has a map to show. */
function wordElement({ word, value, map }, point, leave) {
  const one = element(map ? 'button.word' : 'span.word', map ? { type: 'button' } : {},
    element('span', {}, word), element('data', { value }, signedText(value, 3)));
  if (map) {
    for (const event of ['pointerenter', 'focus', 'click']) one.addEventListener(event, point);
    for (const event of ['pointerleave', 'blur']) one.addEventListener(event, leave);
  }
  return one;
}

/** @param {TermWords} term @returns {string} whose words they are */
const headOf = ({ term, of }) => (of === 'result' ? 'The caption' : termText(term));

/** @param {string} term as the service names it: `image`, the query's words, or a signed modifier */
export const termText = (term) => (term === 'image' ? 'the picture' : term.replace(/^rerank: /, 'the matcher ').replace(/^\+\s*/, '+ ').replace(/^[-−–]\s*/, '− '));

/**
 * Round values so that what is read adds up to the rounded total: those with the largest remainder give way.
 * @returns {string[]}
 */
function roundedTogether(values, total) {
  const unit = 10 ** DIGITS;
  const floors = values.map((value) => Math.floor(value * unit));
  const missing = Math.round(total * unit) - floors.reduce((sum, value) => sum + value, 0);
  const order = values.map((value, i) => i).sort((a, b) => (values[b] * unit - floors[b]) - (values[a] * unit - floors[a]));
  for (const i of order.slice(0, Math.max(0, missing))) floors[i] += 1;
  return floors.map((value) => signedText(value / unit));
}

/** @typedef {import('./api.js').Explanation['words'][number]} TermWords */

/** @param {TermWords} term @returns {'result'|'query'} the image on which the maps of its words lie */
const imageOf = ({ of }) => (of === 'result' ? 'query' : 'result');

/**
 * The sentences of the query, of a caption that was found and of the matcher, each word tinted by what it adds or takes
 * and its number beneath.
 * @param {HTMLElement} place
 * @param {TermWords[]} terms
 * @param {(word: ?{values: number[][], image: 'result'|'query', scale: number}) => void} onPoint told of the map of the word
 *   that is pointed at, on which image it lies, and the largest value of its sentence's words; null when none is any more
 * @returns {(at: ?[number, number], image?: 'result'|'query') => void} tints the words by what they add at one place of an
 *   image, as `placeAt` gives it, or again by all of it
 */
export function showWords(place, terms, onPoint) {
  const all = terms.flatMap((term) => term.words.map((word) => ({ word, image: imageOf(term) })));
  const shown = new Map();
  const sentence = (term) => {
    const image = imageOf(term);
    const scale = Math.max(1e-9, ...term.words.flatMap(({ map }) => map?.flat().map(Math.abs) ?? []));
    return element('p', {}, ...term.words.map((word) => {
      const one = wordElement(word, () => onPoint({ values: word.map, image, scale }), () => onPoint(null));
      shown.set(word, one);
      return one;
    }));
  };
  place.replaceChildren(...terms.flatMap((term) => (
    terms.length > 1 ? [element('h4', {}, headOf(term)), sentence(term)] : [sentence(term)])));
  const tint = (at, on = 'result') => {
    const values = all.map(({ word: { value, map }, image }) => (at && map && image === on ? valueAt(map, at) : value));
    const strongest = Math.max(1e-9, ...values.map(Math.abs));
    all.forEach(({ word }, i) => {
      const one = shown.get(word);
      one.style.setProperty('--strength', (Math.abs(values[i]) / strongest).toFixed(3));
      one.classList.toggle('minus', values[i] < 0);
      one.classList.toggle('plus', values[i] >= 0);
    });
  };
  tint(null);
  return tint;
}
