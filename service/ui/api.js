/**
 * The service's HTTP interface, as far as the page needs it.
 *
 * @typedef {{term: string, value: number}} Contribution
 * @typedef {{name: string, width: number, height: number, format: string, taken_at: ?string, camera: ?string,
 *   modified_at: ?string, added_at: ?string, orientation: ?string, lens: ?string, iso: ?number, latitude: ?number,
 *   longitude: ?number, tags: string[], title: ?string, remark: ?string}} Metadata
 * @typedef {{id: string, rank?: number, score?: number, caption: ?string, image_id: string, path: string, thumbnail_url: string,
 *   metadata: Metadata, contributions?: Contribution[], confidence?: ?number,
 *   strength?: 'strong'|'possible'|'weak'}} Result  a score only where something was searched for
 * @typedef {{results: Result[], collection: {name: string, generation: number, model: string, index: string,
 *   exact: boolean}, took_ms: {total: number}, next: ?number, next_cursor: ?string, total: number, warnings: string[]}} Answer
 * @typedef {{term: ?string, image: 'result'|'query', values: number[][], region: number[]}} PlaceMap
 * @typedef {{score: number, strength: 'strong'|'possible'|'weak', contributions: Contribution[], maps: PlaceMap[], scale: number,
 *   unrelated: boolean, target: 'image'|'text', found: Result, method: string, methods: string[], words: {term: string, of: 'query'|'result', words: {word: string,
 *   start: number, end: number, value: number, map: ?number[][]}[]}[]}} Explanation
 */
import { hasPicture, hasSource, signed } from './state.js';
import { uploadOf } from './uploads.js';

const KEY = 'semblance-key';
const PAGE_SIZE = 24;
const WALL_SIZE = 60;

/** Asks for words as they are. */
const AS_WRITTEN = { negation: 'off', correct: 'off' };

/** An answer that is not 2xx (its problem+json), or status 0: no answer at all. */
export class Problem extends Error {
  /** @param {number} status @param {string} detail @param {string} [type] of the problem */
  constructor(status, detail, type = '') {
    super(detail);
    this.status = status;
    this.type = type;
  }
}

export const key = () => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
/** @param {string} value @param {boolean} remember beyond this tab */
export function setKey(value, remember) {
  sessionStorage.setItem(KEY, value);
  if (remember) localStorage.setItem(KEY, value);
  else localStorage.removeItem(KEY);
}

/**
 * @param {string} address
 * @param {RequestInit} [options]
 * @returns {Promise<Response>} a 2xx answer
 * @throws {Problem|DOMException} the latter (AbortError) when aborted
 */
async function send(address, options = {}) {
  const headers = new Headers(options.headers);
  if (key()) headers.set('Authorization', `Bearer ${key()}`);
  let response;
  try {
    response = await fetch(address, { ...options, headers });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, 'It may be stopped or starting, or the connection is down.');
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, detailOf(problem, response.status), problem.type);
}

/** The problem's sentence and, for a form error, the fields'. */
function detailOf(problem, status) {
  const fields = (problem.errors ?? []).map((error) => error.detail ?? error.message ?? error.msg).filter(Boolean);
  return [problem.detail ?? `The service answered ${status}.`, ...fields].join(' ');
}

const json = async (response) => (await response).json();

/** @returns {Promise<{collections: Object[], default: ?string}>} */
export const collections = (signal) => json(send('collections', { signal }));

/**
 * @param {import('./state.js').State} state
 * @param {?Answer} before the page that this one follows
 * @returns {Promise<Answer>}
 */
export function search(state, before, signal, k = PAGE_SIZE) {
  const place = before && (before.next === null ? { cursor: before.next_cursor } : { offset: before.next });
  const shared = { k, ...place, target: state.target, ...(state.collection && { collection: state.collection }) };
  const modifiers = state.modifiers.map(signed);
  if (!hasPicture(state)) return json(send('search/text', { ...body({ query: state.query, modifiers, ...shared, ...(state.literal && AS_WRITTEN) }), signal }));
  const address = `search/image?${parameters({ ...shared, modifier: modifiers })}`;
  return json(send(address, { ...(state.image ? body({ id: state.image }) : form(state.upload)), signal }));
}

/**
 * The collection's images without a query.
 * @param {import('./state.js').State} state
 * @param {?Answer} before the page that this one follows
 * @returns {Promise<Answer>} in the form of a search's
 */
async function browse({ collection, sort }, before, signal) {
  const asked = { k: WALL_SIZE, sort, ...(collection && { collection }), ...(before && { cursor: before.next_cursor }) };
  const answer = await json(send(`images?${parameters(asked)}`, { signal }));
  return { ...answer, next: null, warnings: [] };
}

/** What a state asks for: the results of a search, or the wall. @returns {Promise<Answer>} */
export const ask = (state, before, signal) => (hasSource(state) ? search : browse)(state, before, signal);

/** @param {string} id @param {?string} collection @returns {Promise<Result>} one image, found by nothing */
export async function image(id, collection, signal) {
  const entry = await json(send(`images/${encodeURIComponent(id)}?${parameters({ ...(collection && { collection }) })}`, { signal }));
  return { ...entry, image_id: entry.id, caption: entry.captions[0] ?? null };
}

/** @param {import('./state.js').State} state with a picture @returns {Promise<import('./written.js').Written>} */
export async function writeCaption(state, signal) {
  const asked = { k: 1, target: 'text', generate: true, ...(state.collection && { collection: state.collection }) };
  const address = `search/image?${parameters(asked)}`;
  const answer = await json(send(address, { ...(state.image ? body({ id: state.image }) : form(state.upload)), signal }));
  return answer.generated[0];
}

/** @param {import('./state.js').State} state @param {string} id of a result @returns {Promise<Explanation>} */
export function explain(state, id, collection, signal, method = '') {
  const modifier = state.modifiers.map(signed);
  const asked = { image_id: id, target: state.target, collection, modifier, method };
  if (state.image) asked.query_image_id = state.image;
  if (state.query) Object.assign(asked, { query: state.query, ...AS_WRITTEN }); // it is as the service read it
  else if (!hasPicture(state)) Object.assign(asked, { query: modifier.join(' '), modifier: [] }); // words may be signed, too
  if (!hasPicture(state) || state.image) return json(send(`explain?${parameters(asked)}`, { signal }));
  return json(send('explain', { ...form(state.upload, asked), signal }));
}

/** @param {string} address @returns {Promise<Blob>} fetched with the key, which an <img> cannot send */
export const blob = async (address, signal) => (await send(address, { signal })).blob();

/** @param {string} id @param {?string} collection @param {'thumbnail'|'file'} kind */
export function pictureAddress(id, collection, kind) {
  return `images/${encodeURIComponent(id)}/${kind}${collection ? `?${parameters({ collection })}` : ''}`;
}

function body(value) {
  return { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value) };
}

function form(upload, fields = {}) {
  const data = new FormData();
  for (const [name, value] of entries(fields)) data.append(name, value);
  data.append('file', uploadOf(upload), 'query');
  return { method: 'POST', body: data };
}

const parameters = (values) => new URLSearchParams(entries(values)).toString();

/** Lists become repeated names, as the service reads them. */
const entries = (values) => Object.entries(values).flatMap(([name, value]) => [value].flat().map((one) => [name, `${one}`]));
