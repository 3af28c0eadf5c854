/**
 * What the page is asked for, and its form in the address: `?q=dog&m=%2Bbeach&m=-people&image=ID&collection=C&target=text`.
 *
 * @typedef {{text: string, sign: '+'|'-'}} Modifier
 * @typedef {{query: string, image: ?string, upload: ?number, modifiers: Modifier[], collection: ?string,
 *   target: 'image'|'text'}} State  `upload` numbers a picture of this visit; it cannot be in an address.
 */

const MINUS = /^[-−–]/;
const SIGNS = /^[-−–+\s]+/;

/** @type {State} */
export const EMPTY = { query: '', image: null, upload: null, modifiers: [], collection: null, target: 'image' };

/** Pictures the visitor gave, by number, so that Back finds them again. @type {Map<number, Blob>} */
const uploads = new Map();

/** @param {Blob} picture @returns {number} */
export function keepUpload(picture) {
  uploads.set(uploads.size + 1, picture);
  return uploads.size;
}

/** @param {?number} number @returns {?Blob} */
export const uploadOf = (number) => uploads.get(number) ?? null;

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
export const hasPicture = (state) => Boolean(state.image || uploads.has(state.upload));

/** @param {State} state @returns {string} the address, without the origin */
export function toAddress(state) {
  const parameters = new URLSearchParams();
  if (state.query) parameters.set('q', state.query);
  if (state.image) parameters.set('image', state.image);
  for (const modifier of state.modifiers) parameters.append('m', signed(modifier));
  if (state.collection) parameters.set('collection', state.collection);
  if (state.target === 'text') parameters.set('target', 'text');
  const text = parameters.toString();
  return text ? `./?${text}` : './';
}

/** @param {string} search `location.search` @param {?{upload?: number}} entry `history.state` @returns {State} */
export function fromAddress(search, entry) {
  const parameters = new URLSearchParams(search);
  const image = parameters.get('image');
  return {
    query: image ? '' : (parameters.get('q') ?? '').trim(),
    image,
    upload: uploads.has(entry?.upload) ? entry.upload : null,
    modifiers: parameters.getAll('m').flatMap(parseModifiers),
    collection: parameters.get('collection'),
    target: parameters.get('target') === 'text' ? 'text' : 'image',
  };
}

/** @param {State} state @returns {string} in words, for headings and titles */
export function describe(state) {
  const source = state.query ? [`“${state.query}”`] : hasPicture(state) ? ['the picture'] : [];
  return [...source, ...state.modifiers.map(({ text, sign }) => `${sign === '+' ? '+' : '−'} ${text}`)].join(' ');
}
