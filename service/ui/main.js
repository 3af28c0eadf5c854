/** The page: one state, shown in the address; every change of it is a new entry of the history and a new question. */
import { ask, explain, image as fetchImage, writeCaption } from './api.js';
import { attempt, busy } from './attempt.js';
import { connectControls } from './controls.js';
import { connectPictures } from './drop.js';
import { byId } from './element.js';
import { connectEnd } from './endless.js';
import { connectExplain } from './explain.js';
import { showHome } from './home.js';
import { connectKeys } from './keyboard.js';
import { withKey } from './keys.js';
import { connectListing, say } from './listing.js';
import { hideMessage, showError, showMessage, showWarnings } from './messages.js';
import { askOffer, factsOf, isOutdated, offeredCollections, usualCollection } from './offer.js';
import { EMPTY, describe, fromAddress, hasSource, lacksPicture, sameSearch, toAddress } from './state.js';
import { showReading } from './reading.js';
import { showSource } from './pictures.js';
import { keepUpload } from './uploads.js';
import { hideWritten, offerWritten } from './written.js';

/** @typedef {import('./listing.js').Shown & {scroll: number}} Left what was shown, and where it was left */

/** Between two looks for newer indexes, and for a first one, in milliseconds. */
const NEWER_MS = 10000;
const FIRST_MS = 2000;
/** So many results before the last one that is shown, the next page is asked for. */
const NEAR_END = 3;

const more = byId('more');
/** What each entry of the history showed, so that Back is instant and returns to the same place. @type {Map<number, Left>} */
const memory = new Map();
/** @type {import('./state.js').State} */
let state;
let entry = 0;
let asking = new AbortController();
/** The next page, while it is on its way. @type {?Promise<void>} */
let coming = null;

const controls = connectControls(navigate);
const listing = connectListing({ onExplain: openResult, onSimilar: similar });
const { neighbour } = listing;
const dialog = connectExplain({ onSimilar: similar, neighbour, withKey, onShow: stepTo, onClose: leaveResult });
const end = connectEnd(more, (pressed) => showMore(pressed));
connectPictures({
  onPicture: (picture) => navigate({ query: '', image: null, upload: keepUpload(picture) }),
  onRefused: (message) => {
    const way = { label: 'Close', act: hideMessage };
    showMessage('This is no picture', message, { way, at: 'window' });
  },
});
connectKeys(byId('query'), byId('results'));

/** Ask for something else: a new entry of the history. @param {Partial<import('./state.js').State>} change */
function navigate(change) {
  leave();
  const literal = state.literal && (change.query ?? state.query) === state.query;
  state = { ...state, literal, ...change, why: null };
  entry = Date.now();
  history.pushState({ entry }, '', address());
  window.scrollTo(0, 0);
  run();
}

/** The collection stands in the address of results always: a copied address means the same tomorrow. */
const address = () => toAddress(hasSource(state) || state.collection !== usualCollection() ? state : { ...state, collection: null });

/** Remember where the present entry was left. */
function leave() {
  if (listing.shown) memory.set(entry, { ...listing.shown, scroll: window.scrollY });
}

function enter() {
  state = fromAddress(location.search);
  state.collection ??= usualCollection();
  entry = history.state?.entry ?? 0;
  run();
}

/** @param {import('./api.js').Result} result */
function similar(result) {
  byId('results').focus({ preventScroll: true }); // the button that was pressed is about to go
  navigate({ query: '', upload: null, image: result.image_id, modifiers: [], target: 'image' });
}

/** Open a result: an entry of the history, which Back leaves. */
function openResult(result) {
  state = { ...state, why: result.id };
  history.pushState({ entry, opened: true }, '', address());
  showResult(result);
}

function showResult(result) {
  dialog.open(result, { state, collection: listing.shown.last.collection.name });
  goAhead(result);
}

/** Another result is opened in the same entry. */
function stepTo(result) {
  state = { ...state, why: result.id };
  history.replaceState(history.state, '', address());
  goAhead(result);
}

/** Whoever walks through the results in the dialog finds the next page there, too. */
async function goAhead(result) {
  if (neighbour(result, NEAR_END)) return;
  await showMore(false);
  dialog.refresh();
}

function leaveResult() {
  if (history.state?.opened) {
    history.back();
    return;
  }
  state = { ...state, why: null };
  history.replaceState(history.state, '', address());
}

/** Everything around the results. */
function frame() {
  controls.show(state);
  hideMessage();
  hideWritten();
  showReading(null);
  showWarnings([]);
  byId('home').hidden = true;
  document.body.dataset.view = hasSource(state) ? 'results' : 'home';
  document.title = hasSource(state) ? `${describe(state)} · Semblance` : 'Semblance';
}

/** Show the state: from memory, or by asking the service. */
async function run() {
  asking.abort();
  asking = new AbortController();
  coming = null;
  more.disabled = false;
  more.textContent = 'Show more';
  end.rest();
  const { signal } = asking;
  frame();
  byId('facts').textContent = factsOf(state.collection);
  if (!hasSource(state)) home(signal);
  if (lacksPicture(location.search)) {
    showMessage('This picture is not here any more', 'A picture that is searched by stays in its own tab, until that is closed. Choose it again.');
  }
  const kept = memory.get(entry);
  if (kept) return restore(kept, signal);
  listing.wait(!hasSource(state));
  say(hasSource(state) ? 'Searching…' : '');
  const written = state.query;
  await attempt(async () => {
    const answer = await withKey(() => ask(state, null, signal));
    if (answer.query) understand(answer.query);
    answer.written = written;
    showPage(answer, signal);
    await showAsked(signal);
  }, { signal, whole: true, fail: failing(run) });
}

/**
 * Show the words as the service read them, signed ones as chips; this is no entry of the history of its own.
 * @param {import('./reading.js').Echo} echo
 */
function understand(echo) {
  if (!echo.corrected && echo.modifiers.length <= state.modifiers.length) return;
  const modifiers = echo.modifiers.map(({ text, weight }) => ({ text, sign: weight < 0 ? '-' : '+' }));
  state = { ...state, query: echo.text ?? '', modifiers };
  history.replaceState(history.state, '', address());
  controls.show(state);
  document.title = `${describe(state)} · Semblance`;
}

function home(signal) {
  const example = (query) => navigate({ ...EMPTY, query, collection: state.collection, target: state.target });
  showHome(state.collection, signal, example).catch(() => {}); // the questions stand without their pictures
}

function restore(kept, signal) {
  listing.clear();
  busy(false);
  showPage({ ...kept.last, results: kept.results }, signal);
  window.scrollTo(0, kept.scroll);
  showAsked(signal);
}

/** A result that is not among those shown: an image by itself, a caption by its explanation. */
const elsewhere = async (id, signal) => (hasSource(state) && state.target === 'text'
  ? (await explain(state, id, state.collection, signal)).found : fetchImage(id, state.collection, signal));

/** Open the result that the address asks for; one that is on a later page is shown by itself. */
async function showAsked(signal) {
  const { why } = state;
  if (!why || !listing.shown) return;
  const result = listing.shown.results.find(({ id }) => id === why)
    ?? await withKey(() => elsewhere(why, signal)).catch(() => null); // gone
  if (result && state.why === why && !signal.aborted) showResult(result);
}

/** @param {boolean} pressed whether the button was: the focus then goes to the first of what comes */
async function showMore(pressed) {
  if (!listing.hasMore) return;
  const { signal } = asking;
  const before = listing.shown.results.length;
  coming ??= nextPage(signal);
  await coming;
  if (pressed && !signal.aborted) byId('results').querySelectorAll('button.photo')[before]?.focus({ preventScroll: true });
}

const followOn = () => showMore(true);

async function nextPage(signal) {
  more.disabled = true;
  more.textContent = 'Loading…';
  await attempt(async () => {
    hideMessage();
    const before = listing.shown.last;
    const answer = await withKey(() => ask(state, before, signal));
    Object.assign(answer, { query: before.query, written: before.written }); // how the words were read, asked once
    if (!signal.aborted) showPage(answer, signal);
  }, { signal, whole: false, fail: failing(followOn) });
  if (signal.aborted) return;
  coming = null;
  more.disabled = false;
  more.textContent = 'Show more';
}

/** @param {() => void} retry @returns {(error: Error) => void} */
const failing = (retry) => (error) => {
  if (retry !== followOn) listing.clear();
  say('');
  showError(error, { retry, anew, at: retry === followOn ? 'end' : 'top' });
};

/** Show the state from its first page, whatever was kept of it. */
function anew() {
  memory.clear();
  window.scrollTo(0, 0);
  run();
}

function showPage(answer, signal) {
  const asksForCaptions = hasSource(state) && state.target === 'text' && !state.query;
  if (!listing.shown && asksForCaptions) offerWritten(() => withKey(() => writeCaption(state, signal)), (image) => showSource(image, state, signal));
  showReading(answer.query, answer.written, () => navigate({
    query: answer.written,
    modifiers: state.modifiers.filter(({ text }) => !answer.query.modifiers.some((read) => read.source && read.text === text)),
    literal: true,
  }));
  listing.append(answer, state, signal);
  if (listing.hasMore) end.watch();
}

/** Notice what was indexed since: collections that are new, and newer generations of the one that is shown. */
async function lookForNewer() {
  if (document.hidden) return;
  if (!await askOffer(new AbortController().signal).catch(() => false)) return;
  controls.offer(offeredCollections());
  controls.show(state);
  byId('facts').textContent = factsOf(state.collection);
  const last = listing.shown?.last;
  if (last && isOutdated(last.collection)) {
    memory.clear();
    if (!hasSource(state) && !state.why && window.scrollY === 0) return anew(); // nobody looks at what would move
    const way = hasSource(state) ? 'search again' : 'load the page again';
    showWarnings([...last.warnings, `This collection has been indexed again since: ${way} to see what is new.`]);
  }
}

async function start() {
  frame();
  if (hasSource(state)) listing.wait(false);
  const { signal } = new AbortController(); // nothing aborts this one: every search needs its answer
  await attempt(async () => {
    await withKey(() => askOffer(signal));
    controls.offer(offeredCollections());
    if (offeredCollections().length) {
      enter();
      setInterval(lookForNewer, NEWER_MS);
      return;
    }
    setTimeout(start, FIRST_MS);
    listing.clear();
    showMessage('Nothing is indexed yet', 'Run “semblance index FOLDER”: this page shows the collection as soon as it is there.');
  }, { signal, whole: true, fail: failing(start) });
}

byId('wordmark').addEventListener('click', (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  navigate({ ...EMPTY, collection: state.collection });
});
window.addEventListener('popstate', () => {
  const next = fromAddress(location.search);
  next.collection ??= usualCollection();
  if (listing.shown && (history.state?.entry ?? 0) === entry && sameSearch(next, state)) { // the dialog alone comes or goes
    state = next;
    if (state.why) showAsked(asking.signal);
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
