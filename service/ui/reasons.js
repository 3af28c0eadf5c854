/** A score taken apart: what each term of the query gives, and what each word does. */
import { element } from './element.js';

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

/** @param {string} term as the service names it: `image`, the query's words, or a signed modifier */
export const termText = (term) => (term === 'image' ? 'the picture' : term.replace(/^\+\s*/, '+ ').replace(/^[-−–]\s*/, '− '));

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

/**
 * The query's sentences, each word tinted by what it adds or takes and its number beneath.
 * @param {HTMLElement} place
 * @param {import('./api.js').Explanation['words']} terms
 * @param {(map: ?number[][]) => void} onPoint told of the map of the word that is pointed at; null when none is any more
 * @returns {(at: ?[number, number]) => void} tints the words by what they add at one place, or again by all of it
 */
export function showWords(place, terms, onPoint) {
  const all = terms.flatMap(({ words }) => words);
  const shown = new Map();
  place.replaceChildren(...terms.map(({ term, words }) => element('p', { title: termText(term) },
    ...words.map((word) => {
      const tag = word.map ? 'button.word' : 'span.word';
      const one = element(tag, word.map ? { type: 'button' } : {},
        element('span', {}, word.word), element('data', { value: word.value }, signedText(word.value, 3)));
      if (word.map) {
        for (const event of ['pointerenter', 'focus', 'click']) one.addEventListener(event, () => onPoint(word.map));
        for (const event of ['pointerleave', 'blur']) one.addEventListener(event, () => onPoint(null));
      }
      shown.set(word, one);
      return one;
    }))));
  const tint = (at) => {
    const values = all.map(({ value, map }) => (at && map ? map[at[0]][at[1]] : value));
    const strongest = Math.max(1e-9, ...values.map(Math.abs));
    all.forEach((word, i) => {
      const one = shown.get(word);
      one.style.setProperty('--strength', (Math.abs(values[i]) / strongest).toFixed(3));
      one.classList.toggle('minus', values[i] < 0);
      one.classList.toggle('plus', values[i] >= 0);
    });
  };
  tint(null);
  return tint;
}
