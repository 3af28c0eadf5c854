/**
 * What the page is asked for, and its form in the address: `?q=dog&m=%2Bbeach&m=-people&image=ID&collection=C&target=text`.
 * `picture` names a picture of this visit, `why` the result that is open, and `sort` the order of the wall.
 *
 * @typedef {{text: string, sign: '+'|'-'}} Modifier
 * @typedef {'taken'|'added'|'name'} Sort
 * @typedef {{query: string, image: ?string, upload: ?string, modifiers: Modifier[], collection: ?string,
 *   target: 'image'|'text', sort: Sort, literal: boolean, why: ?string}} State  `upload` names a picture of this visit, which
 *   this tab keeps; `literal` takes the words as they are written.
 */

import { uploadOf } from './uploads.js';

const MINUS = /^[-−–]/;
const SIGNS = /^[-−–+\s]+/;
const SORTS = ['taken', 'added', 'name'];

/** @type {State} */
export const EMPTY = { query: '', image: null, upload: null, modifiers: [], collection: null, target: 'image', sort: 'taken', literal: false, why: null };

/**
 * Read signed words: `beach -people, +dusk` are three. A leading space or no sign adds (`?m=+beach` arrives as ` beach`).
 * @param {string} text
 * @returns {Modifier[]}
 */
export function parseModifiers(text) {
  return text
    .split(/,|\s+(?=[+−–-]\s*\S)/)
    .map((part) => part.trim())
    .map((part) => ({ text: part.replace(SIGNS, ''), sign: MINUS.test(part) ? '-' : '+' }))
    .filter((modifier) => modifier.text);
}

/** @param {Modifier} modifier @returns {string} as the service reads it */
export const signed = ({ text, sign }) => sign + text;

/** @param {State} state @returns {boolean} whether there is something to search by */
export const hasSource = (state) => hasPicture(state) || Boolean(state.query || state.modifiers.length);

/** @param {State} state @returns {boolean} whether it is searched by a picture */
export const hasPicture = (state) => Boolean(state.image || uploadOf(state.upload));

/** @param {State} state @returns {string} the address, without the origin */
export function toAddress(state) {
  const parameters = new URLSearchParams();
  if (state.query) parameters.set('q', state.query);
  if (state.image) parameters.set('image', state.image);
  if (state.upload) parameters.set('picture', state.upload);
  for (const modifier of state.modifiers) parameters.append('m', signed(modifier));
  if (state.collection) parameters.set('collection', state.collection);
  if (state.target === 'text') parameters.set('target', 'text');
  if (state.sort !== EMPTY.sort) parameters.set('sort', state.sort);
  if (state.literal) parameters.set('literal', '1');
  if (state.why) parameters.set('why', state.why);
  const text = parameters.toString();
  return text ? `./?${text}` : './';
}

/** @param {string} search `location.search` @returns {State} */
export function fromAddress(search) {
  const parameters = new URLSearchParams(search);
  const image = parameters.get('image');
  return {
    query: image ? '' : (parameters.get('q') ?? '').trim(),
    image,
    upload: uploadOf(parameters.get('picture')) ? parameters.get('picture') : null,
    modifiers: parameters.getAll('m').flatMap(parseModifiers),
    collection: parameters.get('collection'),
    target: parameters.get('target') === 'text' ? 'text' : 'image',
    sort: SORTS.find((one) => one === parameters.get('sort')) ?? EMPTY.sort,
    literal: parameters.has('literal'),
    why: parameters.get('why'),
  };
}

/** @param {string} search `location.search` @returns {boolean} whether it names a picture that this tab does not have */
export function lacksPicture(search) {
  const picture = new URLSearchParams(search).get('picture');
  return Boolean(picture) && !uploadOf(picture);
}

/** @param {State} one @param {State} other @returns {boolean} whether both ask for the same results */
export const sameSearch = (one, other) => toAddress({ ...one, why: null }) === toAddress({ ...other, why: null });

/** @param {State} state @returns {string} in words, for headings and titles */
export function describe(state) {
  const source = state.query ? [`“${state.query}”`] : hasPicture(state) ? ['the picture'] : [];
  return [...source, ...state.modifiers.map(({ text, sign }) => `${sign === '+' ? '+' : '−'} ${text}`)].join(' ');
}
