/** The dialog that shows a photograph and, where something was searched for, why it matched. */
import { Problem, explain, pictureAddress } from './api.js';
import { byId, element } from './element.js';
import { openWithKey, sharpenPicture, showPicture } from './pictures.js';
import { showBreakdown, showWords } from './reasons.js';
import { MEANING, scoreText, titleOf } from './results.js';
import { connectStage } from './stage.js';
import { hasSource } from './state.js';

/** Told where nothing is painted. */
const NOTHING = {
  image: 'Nothing in this picture speaks for the query.', text: 'Nothing in the picture searched by speaks for this caption.',
};

/** @typedef {import('./api.js').Result} Result */

/**
 * @param {{onSimilar: (result: Result) => void, neighbour: (result: Result, step: number) => ?Result,
 *   withKey: <T>(ask: () => Promise<T>) => Promise<T>, onShow: (result: Result) => void, onClose: () => void}} listeners
 *   `onShow` is told of every step to another result, `onClose` that the visitor closed the dialog
 * @returns {{open: (result: Result, context: {state: import('./state.js').State, collection: string}) => void,
 *   close: () => void, refresh: () => void}}  `close` tells nobody; `refresh` looks again for neighbours
 */
export function connectExplain({ onSimilar, neighbour, withKey, onShow, onClose }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('explain'));
  const photo = /** @type {HTMLImageElement} */ (byId('stage-photo'));
  const original = /** @type {HTMLAnchorElement} */ (byId('explain-original'));
  const download = /** @type {HTMLAnchorElement} */ (byId('explain-download'));
  const link = byId('explain-link');
  const path = byId('explain-path');
  let abort = new AbortController();
  let shown = null;
  let context = null;
  let silent = false;
  let tintWords = () => {};
  const stage = connectStage({ onMethod: askAnew, onPlace: (at, role) => tintWords(at, role) });

  /** @param {Result} result */
  function show(result) {
    abort.abort();
    abort = new AbortController();
    shown = result;
    const { width, height } = result.metadata;
    byId('explain-title').textContent = titleOf(result);
    const scored = result.score !== undefined;
    showPlace(result);
    refresh();
    tintWords = () => {};
    stage.clear(width / height, context, abort.signal);
    photo.alt = titleOf(result);
    photo.removeAttribute('src');
    original.href = pictureAddress(result.image_id, context.collection, 'file');
    download.href = original.href;
    download.download = result.metadata.name;
    link.textContent = 'Copy link';
    path.textContent = 'Copy path';
    showPicture(photo, result.thumbnail_url, abort.signal);
    sharpenPicture(photo, original.href, abort.signal);
    const asked = hasSource(context.state);
    byId('stage-controls').hidden = !asked;
    byId('breakdown-section').hidden = !scored;
    if (scored) showBreakdown(byId('breakdown'), result.contributions, result.score);
    byId('photo-facts').replaceChildren(...facts(result));
    byId('words-section').hidden = true;
    note('');
    if (asked) ask(result, abort.signal);
  }

  function refresh() {
    if (!shown) return;
    byId('explain-previous').disabled = !neighbour(shown, -1);
    byId('explain-next').disabled = !neighbour(shown, 1);
  }

  /** The place among the results, the strength in words, and the score. @param {{rank?: number, strength?: string, score?: number}} of */
  function showPlace({ rank, strength, score }) {
    const told = [rank && `Result ${rank}`, strength && MEANING[strength], score !== undefined && `score ${scoreText(score)}`];
    byId('explain-place').textContent = told.filter(Boolean).join(' · ');
  }

  async function ask(result, signal) {
    byId('heat-note').textContent = 'Looking…';
    try {
      const answer = await withKey(() => explain(context.state, result.id, context.collection, signal, stage.method));
      if (signal.aborted) return;
      byId('heat-note').textContent = answer.unrelated ? NOTHING[answer.target] : '';
      stage.show(answer);
      tintWords = showWords(byId('words'), answer.words, stage.point);
      byId('words-hint').hidden = answer.unrelated || !answer.words.some(({ words }) => words.some(({ map }) => map));
      byId('words-section').hidden = answer.words.length === 0;
      showPlace({ ...result, strength: answer.strength, score: answer.score });
      showBreakdown(byId('breakdown'), answer.contributions, answer.score);
      byId('breakdown-section').hidden = false;
    } catch (error) {
      if (signal.aborted) return;
      byId('heat-note').textContent = '';
      note(error instanceof Problem ? error.message : `The explanation failed: ${error.message}`);
    }
  }

  function askAnew() {
    abort.abort();
    abort = new AbortController();
    ask(shown, abort.signal);
  }

  function note(text) {
    byId('explain-note').textContent = text;
    byId('explain-note').hidden = !text;
  }

  function step(by) {
    const next = neighbour(shown, by);
    if (!next) return;
    show(next);
    onShow(next);
  }

  function closeSilently() {
    silent = dialog.open;
    dialog.close();
  }

  openWithKey(original);
  openWithKey(download);
  link.addEventListener('click', async () => {
    link.textContent = (await copy(location.href)) ? 'Link copied' : 'Copy the address of this page';
  });
  path.addEventListener('click', async () => {
    if (await copy(shown.path)) path.textContent = 'Path copied';
    else getSelection().selectAllChildren(byId('photo-facts').querySelector('dd')); // to be copied by hand
  });
  byId('explain-previous').addEventListener('click', () => step(-1));
  byId('explain-next').addEventListener('click', () => step(1));
  byId('explain-close').addEventListener('click', () => dialog.close());
  byId('explain-similar').addEventListener('click', () => {
    const result = shown;
    shown = null;
    closeSilently();
    onSimilar(result);
  });
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => {
    abort.abort();
    if (!silent) onClose();
    silent = false;
    if (shown) document.querySelector(`.photo[data-id="${CSS.escape(shown.id)}"]`)?.focus();
  });
  dialog.addEventListener('keydown', (event) => {
    if (stage.takesArrows(event.target)) return;
    if (event.key === 'ArrowLeft') step(-1);
    if (event.key === 'ArrowRight') step(1);
  });

  return {
    open(result, asked) {
      context = asked;
      stage.forgetMethods(); // another model has others
      show(result);
      if (!dialog.open) dialog.showModal();
      dialog.scrollTop = 0;
    },
    close: closeSilently,
    refresh,
  };
}

/** @param {string} text @returns {Promise<boolean>} whether it could be: on an address without HTTPS a browser refuses */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** @param {Result} result @returns {HTMLElement[]} terms and details */
function facts({ path, metadata: { width, height, format, taken_at: taken, camera, lens, iso, tags, remark } }) {
  const date = taken && new Date(taken).toLocaleDateString(undefined, { dateStyle: 'long' });
  return [
    ['File', path], ['Size', `${width} × ${height}, ${format}`], ['Taken', date], ['Camera', camera], ['Lens', lens], ['ISO', iso],
    ['Tags', tags.join(', ')], ['Remark', remark],
  ]
    .filter(([, value]) => value)
    .flatMap(([term, value]) => [element('dt', {}, term), element('dd', {}, `${value}`)]);
}
