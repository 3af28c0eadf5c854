/** The page: one state, shown in the address; every change of it is a new entry of the history and a new search. */
import { collections as fetchCollections, search, writeCaption } from './api.js';
import { connectControls } from './controls.js';
import { connectPictures } from './drop.js';
import { byId } from './element.js';
import { connectExplain } from './explain.js';
import { showHome } from './home.js';
import { connectKeys } from './keyboard.js';
import { withKey } from './keys.js';
import { hideMessage, showError, showMessage, showWarnings } from './messages.js';
import { appendResults, showPlaceholders } from './results.js';
import { EMPTY, describe, fromAddress, hasSource, lacksPicture, sameSearch, toAddress } from './state.js';
import { keepUpload } from './uploads.js';
import { hideWritten, offerWritten } from './written.js';

/**
 * @typedef {{results: import('./api.js').Result[], last: import('./api.js').Answer, scroll: number}} Shown results of
 *   all pages so far, and the last page's answer
 */

/** Between two looks for newer indexes, and for a first one, in milliseconds. */
const NEWER_MS = 10000;
const FIRST_MS = 2000;
/** How often and after how long a busy service is asked again. */
const BUSY_RETRIES = 20;
const BUSY_MS = 1000;

const list = byId('list');
const more = byId('more');
/** What each entry of the history showed, so that Back is instant and returns to the same place. @type {Map<number, Shown>} */
const memory = new Map();
/** @type {import('./state.js').State} */
let state;
/** @type {?Shown} */
let shown = null;
let entry = 0;
let offered = { collections: [], default: null };
let searching = new AbortController();

const controls = connectControls(navigate);
const dialog = connectExplain({ onSimilar: similar, neighbour, withKey, onShow: stepTo, onClose: leaveExplanation });
connectPictures({
  onPicture: (picture) => navigate({ query: '', image: null, upload: keepUpload(picture) }),
  onRefused: (message) => showMessage('This is no picture', message),
});
connectKeys(byId('query'), list);

/** Ask for something else: a new entry of the history. @param {Partial<import('./state.js').State>} change */
function navigate(change) {
  leave();
  state = { ...state, ...change, why: null };
  entry = Date.now();
  history.pushState({ entry }, '', address());
  window.scrollTo(0, 0);
  run();
}

/** The collection that needs no mention. */
const usual = () => offered.default ?? offered.collections[0]?.name ?? null;

/** The collection stands in the address of results always: a copied address means the same tomorrow. */
const address = () => toAddress(hasSource(state) || state.collection !== usual() ? state : { ...state, collection: null });

/** Remember where the present entry was left. */
function leave() {
  if (shown) memory.set(entry, { ...shown, scroll: window.scrollY });
}

function enter() {
  state = fromAddress(location.search);
  state.collection ??= usual();
  entry = history.state?.entry ?? 0;
  run();
}

/** @param {import('./api.js').Result} result */
function similar(result) {
  byId('results').focus({ preventScroll: true }); // the button that was pressed is about to go
  navigate({ query: '', upload: null, image: result.image_id, modifiers: [], target: 'image' });
}

/** Open the explanation of a result: an entry of the history, which Back leaves. */
function explainResult(result) {
  state = { ...state, why: result.id };
  history.pushState({ entry, opened: true }, '', address());
  openExplanation(result);
}

function openExplanation(result) {
  dialog.open(result, { state, collection: shown.last.collection.name });
}

/** The explanation of another result is shown in the same entry. */
function stepTo(result) {
  state = { ...state, why: result.id };
  history.replaceState(history.state, '', address());
}

function leaveExplanation() {
  if (history.state?.opened) {
    history.back();
    return;
  }
  state = { ...state, why: null };
  history.replaceState(history.state, '', address());
}

function neighbour(result, step) {
  const index = shown ? shown.results.findIndex(({ id }) => id === result.id) : -1;
  return index < 0 ? null : shown.results[index + step];
}

/** Everything around the results. */
function frame() {
  controls.show(state);
  hideMessage();
  hideWritten();
  showWarnings([]);
  byId('home').hidden = true;
  more.hidden = true;
  document.body.dataset.view = hasSource(state) ? 'results' : 'home';
  document.title = hasSource(state) ? `${describe(state)} · Semblance` : 'Semblance';
}

/** Show the state: from memory, or by asking the service. */
async function run() {
  searching.abort();
  searching = new AbortController();
  const { signal } = searching;
  frame();
  byId('facts').textContent = facts();
  if (lacksPicture(location.search)) {
    showMessage('This picture is not here any more', 'A picture that is searched by stays in its own tab, until that is closed. Choose it again.');
  }
  if (!hasSource(state)) return home(signal);
  const kept = memory.get(entry);
  if (kept) return restore(kept, signal);
  if (!shown) showPlaceholders(list); // else the old results stay, dimmed, until the new ones are there
  shown = null;
  await attempt(signal, run, async () => {
    const answer = await withKey(() => search(state, null, signal));
    list.replaceChildren();
    understand(answer.query);
    showPage(answer, signal);
    showAsked();
  });
}

/**
 * Show signed words as chips, as the service read them; this is no entry of the history of its own.
 * @param {{text: ?string, modifiers: {text: string, weight: number}[]}} echo
 */
function understand(echo) {
  if (echo.modifiers.length <= state.modifiers.length) return;
  const modifiers = echo.modifiers.map(({ text, weight }) => ({ text, sign: weight < 0 ? '-' : '+' }));
  state = { ...state, query: echo.text ?? '', modifiers };
  history.replaceState(history.state, '', address());
  controls.show(state);
  document.title = `${describe(state)} · Semblance`;
}

function home(signal) {
  shown = null;
  list.replaceChildren();
  say('');
  busy(false);
  const example = (query) => navigate({ ...EMPTY, query, collection: state.collection, target: state.target });
  showHome(state.collection, signal, example).catch(() => {}); // the questions stand without their pictures
}

function restore(kept, signal) {
  shown = null;
  list.replaceChildren();
  busy(false);
  showPage({ ...kept.last, results: kept.results }, signal);
  window.scrollTo(0, kept.scroll);
  showAsked();
}

/** Open the explanation that the address asks for. */
function showAsked() {
  const result = state.why && shown?.results.find(({ id }) => id === state.why);
  if (result) openExplanation(result);
}

async function showMore() {
  const { signal } = searching;
  more.disabled = true;
  await attempt(signal, showMore, async () => {
    hideMessage();
    const answer = await withKey(() => search(state, shown.last, signal));
    const [first] = showPage(answer, signal);
    first?.querySelector('button').focus({ preventScroll: true });
  });
  more.disabled = false;
}

/** Run a request: show that it runs, and what went wrong. A newer one has aborted it: say nothing. */
async function attempt(signal, retry, request, left = BUSY_RETRIES) {
  busy(true);
  if (retry === run) say('Searching…');
  try {
    await request();
  } catch (error) {
    if (signal.aborted) return;
    if (left && (error.status === 429 || error.status === 503)) { // busy: it says so and asks again by itself
      say('The service is busy: trying again…');
      await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
      if (!signal.aborted) await attempt(signal, retry, request, left - 1);
      return;
    }
    if (retry !== showMore) list.replaceChildren();
    say('');
    showError(error, retry);
  }
  if (!signal.aborted) busy(false);
}

/** Add a page of results. @returns {HTMLElement[]} its entries */
function showPage(answer, signal) {
  if (!shown && state.target === 'text' && !state.query) offerWritten(() => withKey(() => writeCaption(state, signal)));
  const results = [...(shown?.results ?? []), ...answer.results];
  shown = { results, last: answer, scroll: 0 };
  const isLast = answer.next === null && answer.next_cursor === null;
  more.hidden = isLast;
  showWarnings(answer.warnings);
  list.classList.toggle('quotes', state.target === 'text');
  const kind = state.target === 'text' ? 'caption' : 'image';
  if (results.length === 0) {
    say('');
    if (answer.warnings.length === 0) showMessage('Nothing found', `No ${kind} in “${answer.collection.name}” answers ${describe(state)}.`);
    return [];
  }
  const count = `${results.length} ${kind}${results.length === 1 ? '' : 's'} for ${describe(state)}`;
  say(isLast ? count : `The best ${count}`, `${Math.ceil(answer.took_ms.total)} ms`);
  return appendResults(list, answer.results, {
    target: state.target,
    best: results[0].score,
    signal,
    onExplain: explainResult,
    onSimilar: similar,
  });
}

function say(text, timing = '') {
  byId('status').textContent = text;
  byId('timing').textContent = timing;
}

function busy(is) {
  byId('results').setAttribute('aria-busy', `${is}`);
  document.body.classList.toggle('busy', is);
}

/** One line about what is searched. */
function facts() {
  const one = offered.collections.find(({ name }) => name === state.collection);
  if (!one) return '';
  const { name, images, captions, model, generation } = one;
  const counted = captions ? `${images} images, ${captions} captions` : `${images} images`;
  return `${name}: ${counted} · ${model} · generation ${generation}`;
}

/** Notice what was indexed since: collections that are new, and newer generations of the one that is shown. */
async function lookForNewer() {
  if (document.hidden) return;
  const now = await fetchCollections(new AbortController().signal).catch(() => null);
  if (!now || JSON.stringify(now) === JSON.stringify(offered)) return;
  offered = now;
  controls.offer(offered.collections);
  controls.show(state);
  byId('facts').textContent = facts();
  const current = offered.collections.find(({ name }) => name === shown?.last.collection.name);
  if (current && current.generation !== shown.last.collection.generation) {
    memory.clear();
    showWarnings([...shown.last.warnings, 'This collection has been indexed again since: search again to see what is new.']);
  }
}

async function start() {
  frame();
  if (hasSource(state)) showPlaceholders(list);
  const { signal } = new AbortController(); // nothing aborts this one: every search needs its answer
  await attempt(signal, start, async () => {
    offered = await withKey(() => fetchCollections(signal));
    controls.offer(offered.collections);
    if (offered.collections.length) {
      enter();
      setInterval(lookForNewer, NEWER_MS);
      return;
    }
    setTimeout(start, FIRST_MS);
    showMessage('Nothing is indexed yet', 'Run “semblance index FOLDER”: this page shows the collection as soon as it is there.');
  });
}

more.addEventListener('click', showMore);
byId('wordmark').addEventListener('click', (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  navigate({ ...EMPTY, collection: state.collection });
});
window.addEventListener('popstate', () => {
  const next = fromAddress(location.search);
  next.collection ??= usual();
  if (shown && (history.state?.entry ?? 0) === entry && sameSearch(next, state)) { // the explanation alone comes or goes
    state = next;
    if (state.why) showAsked();
    else dialog.close();
    return;
  }
  leave();
  dialog.close();
  enter();
});
byId('skip').addEventListener('click', (event) => {
  event.preventDefault(); // an entry of the history for it would be one too many
  byId('results').focus();
});
history.scrollRestoration = 'manual';
state = fromAddress(location.search);
start();
