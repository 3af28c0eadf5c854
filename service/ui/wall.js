/** The wall: a collection's photographs without a query, a section for each month. */
import { element } from './element.js';
import { wallPhotograph } from './results.js';

/** @typedef {import('./api.js').Result} Result */

/**
 * @param {HTMLElement} wall
 * @param {Result[]} results that follow those on the wall
 * @param {{onExplain: (result: Result) => void, signal: AbortSignal, byMonth: boolean}} options
 * @returns {HTMLElement[]} the new entries
 */
export function appendToWall(wall, results, options) {
  return results.map((result) => {
    const entry = wallPhotograph(result, options);
    sectionOf(wall, options.byMonth ? monthOf(result) : '').querySelector('ol').append(entry);
    return entry;
  });
}

/** @param {Result} result @returns {string} `2024-05`; empty without a date */
const monthOf = ({ metadata }) => metadata.taken_at?.slice(0, 'YYYY-MM'.length) ?? '';

/** The last section, where it is of that month, or a new one. Without any date there are no headings. */
function sectionOf(wall, month) {
  const last = /** @type {?HTMLElement} */ (wall.lastElementChild);
  if (last?.dataset.month === month) return last;
  const title = month ? monthText(month) : last && 'Without a date';
  const section = element('section.month', {},
    title ? element('h2', {}, title) : null,
    element('ol.list', { 'aria-label': title ?? 'Images' }));
  section.dataset.month = month;
  wall.append(section);
  return section;
}

function monthText(month) {
  const [year, number] = month.split('-').map(Number);
  const first = new Date(2000, number - 1);
  first.setFullYear(year); // the constructor takes a year below 100 for one of the last century
  return first.toLocaleDateString(undefined, { month: 'long', year: 'numeric' });
}
