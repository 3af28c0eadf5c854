/** The results: a wall of photographs in even rows, or a column of captions. */
import { element } from './element.js';
import { showPicture } from './pictures.js';

/** @typedef {import('./api.js').Result} Result */

/** Photographs longer or taller than this are cut at the edges, so that rows stay readable. */
const [NARROWEST, WIDEST] = [0.7, 2.4];

/**
 * @typedef {{onExplain: (result: Result) => void, onSimilar: (result: Result) => void}} Listeners
 */

/**
 * @param {HTMLElement} list
 * @param {Result[]} results
 * @param {{target: 'image'|'text', signal: AbortSignal} & Listeners} options
 * @returns {HTMLElement[]} the new entries
 */
export function appendResults(list, results, options) {
  const make = options.target === 'text' ? caption : photograph;
  const entries = results.map((result) => make(result, options));
  results.forEach((result, place) => {
    const before = entries[place - 1] ?? list.lastElementChild;
    if (result.strength === 'weak' && before && before.dataset.strength !== 'weak') list.append(divider());
    list.append(entries[place]);
  });
  return entries;
}

/** Grey boxes in the shape of results, while the first ones are on their way. */
export function showPlaceholders(list) {
  const ratios = [1.5, 0.75, 1.5, 1.33, 1, 1.5, 1.33, 1.78, 0.75, 1.5, 1, 1.33];
  list.replaceChildren(...ratios.map((ratio) => element('li.card.placeholder', { 'aria-hidden': 'true', '--ratio': ratio },
    element('div.photo'))));
}

/** @param {Result} result */
export const titleOf = (result) => result.caption ?? result.path;

/** @param {number} score */
export const scoreText = (score) => score.toFixed(3).replace('-', '−');

/** What a strength says of a result. */
export const MEANING = { strong: 'Strong match', possible: 'Possible match', weak: 'Weak match' };

function photograph(result, options) {
  return element('li.card', { '--ratio': ratioOf(result), 'data-strength': result.strength },
    opener(result, options, 'Why this?'),
    result.caption ? element('p.caption', { title: result.path }, result.caption) : fileName(result),
    foot(result, options));
}

/** @param {Result} result @param {{onExplain: (result: Result) => void, signal: AbortSignal}} options */
export function wallPhotograph(result, options) {
  return element('li.card', { '--ratio': ratioOf(result), title: titleOf(result) }, opener(result, options));
}

/** Files of the same name are told apart by their folders. */
function fileName({ path, metadata: { name } }) {
  const folder = path.endsWith(name) ? path.slice(0, -name.length) : '';
  return element('p.caption.name', { title: path }, folder ? element('span.folder', {}, folder) : null, name);
}

function ratioOf({ metadata: { width, height } }) {
  return Math.min(WIDEST, Math.max(NARROWEST, width / height || 1)).toFixed(4);
}

function caption(result, options) {
  return element('li.quote', { 'data-strength': result.strength },
    opener(result, options, 'Why this?'),
    element('div.quote-text', {}, element('p.caption', {}, result.caption), foot(result, options)));
}

function opener(result, options, hint) {
  return element('button.photo', { type: 'button', 'data-id': result.id, onclick: () => options.onExplain(result) },
    picture(result, options), hint ? element('span.hint', {}, hint) : null);
}

function picture(result, { signal }) {
  const { width, height } = result.metadata;
  const image = /** @type {HTMLImageElement} */ (element('img', { alt: titleOf(result), loading: 'lazy', width, height }));
  image.addEventListener('load', () => image.classList.add('loaded'), { once: true });
  showPicture(image, result.thumbnail_url, signal);
  return image;
}

/** Between what may match and what hardly does. */
function divider() {
  return element('li.divider', { 'data-strength': 'weak' }, 'Weak matches: the nearest of what is left');
}

/** One sign of how well a result matches; the numbers behind it are shown on hover. */
function sign({ strength, confidence, score }) {
  const likely = confidence === null ? '' : `, ${percent(confidence)} likely to show what was asked`;
  return element(`data.strength.${strength}`, { value: confidence ?? score, title: `Similarity ${scoreText(score)}${likely}` },
    MEANING[strength]);
}

/** @param {number} confidence @returns {string} a probability is never shown as certain */
const percent = (confidence) => `${Math.min(99, Math.round(100 * confidence)) || '<1'}%`;

function foot(result, { onSimilar }) {
  return element('p.foot', {},
    sign(result),
    element('button.similar', { type: 'button', onclick: () => onSimilar(result) },
      'More like this', element('span.unseen', {}, `: ${titleOf(result)}`)));
}
