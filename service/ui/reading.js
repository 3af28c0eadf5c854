/** What the service made of the words, and the way back to the words as they were written. */
import { byId, element } from './element.js';

/**
 * @typedef {{text: ?string, corrected: ?{written: string, read: string}, modifiers: {text: string, weight: number,
 *   source: ?string}[]}} Echo
 */

/** @param {?Echo} echo @returns {boolean} whether the words were taken for others than were written */
const differs = (echo) => Boolean(echo?.corrected || echo?.modifiers.some(({ source }) => source));

/**
 * @param {?Echo} echo of an answer's query
 * @param {string} written the words that were asked
 * @param {() => void} asWritten asks for the words as they were written
 */
export function showReading(echo, written, asWritten) {
  const place = byId('reading');
  place.hidden = !differs(echo);
  if (place.hidden) return;
  const absent = echo.modifiers.filter(({ source }) => source).map(({ text }) => text);
  const said = echo.corrected
    ? ['Showing results for ', element('b', {}, echo.corrected.read)]
    : ['Looking for pictures without ', element('b', {}, absent.join(', '))];
  const without = echo.corrected && absent.length ? [', without ', element('b', {}, absent.join(', '))] : [];
  place.replaceChildren(...said, ...without, '; ',
    element('button.link', { type: 'button', onclick: asWritten }, `search instead for “${written}”`), '.');
}
