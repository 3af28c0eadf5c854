/** The dialog that shows a photograph and, where something was searched for, why it matched. */
import { Problem, explain, pictureAddress } from './api.js';
import { byId, element } from './element.js';
import { clearMap, paintMap, placeAt } from './heatmap.js';
import { openWithKey, sharpenPicture, showPicture } from './pictures.js';
import { showBreakdown, showWords, signedText } from './reasons.js';
import { scoreText, titleOf } from './results.js';
import { hasSource } from './state.js';
import { uploadOf } from './uploads.js';

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
  const heat = /** @type {HTMLCanvasElement} */ (byId('heat'));
  const askedFrame = byId('asked-frame');
  const askedPhoto = /** @type {HTMLImageElement} */ (byId('asked-photo'));
  const askedHeat = /** @type {HTMLCanvasElement} */ (byId('asked-heat'));
  const method = /** @type {HTMLSelectElement} */ (byId('heat-method'));
  const strength = /** @type {HTMLInputElement} */ (byId('heat-strength'));
  const original = /** @type {HTMLAnchorElement} */ (byId('explain-original'));
  const download = /** @type {HTMLAnchorElement} */ (byId('explain-download'));
  const link = byId('explain-link');
  const path = byId('explain-path');
  let abort = new AbortController();
  let shown = null;
  let context = null;
  let silent = false;
  let explained = null;
  let tintWords = () => {};

  /** @param {Result} result */
  function show(result) {
    abort.abort();
    abort = new AbortController();
    shown = result;
    const { width, height } = result.metadata;
    byId('explain-title').textContent = titleOf(result);
    const scored = result.score !== undefined;
    byId('explain-place').textContent = scored ? `Result ${result.rank} · score ${scoreText(result.score)}` : '';
    refresh();
    byId('stage-frame').style.setProperty('--ratio', `${width / height || 1}`);
    explained = null;
    clearMap(heat);
    clearMap(askedHeat);
    askedFrame.hidden = true;
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
    byId('heat-legend').hidden = true;
    note('');
    if (asked) ask(result, abort.signal);
  }

  function refresh() {
    if (!shown) return;
    byId('explain-previous').disabled = !neighbour(shown, -1);
    byId('explain-next').disabled = !neighbour(shown, 1);
  }

  async function ask(result, signal) {
    byId('heat-note').textContent = 'Looking…';
    try {
      const answer = await withKey(() => explain(context.state, result.image_id, context.collection, signal, method.value));
      if (signal.aborted) return;
      explained = { answer, ratio: result.metadata.width / result.metadata.height || 1 };
      byId('heat-note').textContent = answer.unrelated ? 'Nothing in this picture speaks for the query.' : '';
      paint(null);
      showLegend(answer);
      showMethods(answer);
      showAsked(answer);
      tintWords = showWords(byId('words'), answer.words, paint);
      byId('words-hint').hidden = !answer.words.some(({ words }) => words.some(({ map }) => map));
      byId('words-section').hidden = answer.words.length === 0;
      if (result.id === result.image_id) {
        showBreakdown(byId('breakdown'), answer.contributions, answer.score);
        byId('breakdown-section').hidden = false;
      } else note(`The score is the caption's. Heat map and words are the photograph's, which scores ${scoreText(answer.score)}.`);
    } catch (error) {
      if (signal.aborted) return;
      byId('heat-note').textContent = '';
      note(error instanceof Problem ? error.message : `The explanation failed: ${error.message}`);
    }
  }

  /** @param {?number[][]} values of the word that is pointed at; null for the map of the whole query */
  function paint(values) {
    if (!explained) return;
    const { answer, ratio } = explained;
    const whole = mapOn(answer, 'result');
    if (answer.unrelated) clearMap(heat);
    else paintMap(heat, values ? { ...whole, values } : whole, answer.scale, ratio);
  }

  function showLegend({ scale, unrelated }) {
    byId('heat-legend').hidden = unrelated;
    byId('heat-least').textContent = signedText(-scale, 3);
    byId('heat-most').textContent = signedText(scale, 3);
  }

  function showMethods({ method: used, methods }) {
    method.replaceChildren(...methods.map((name) => element('option', { value: name }, name)));
    method.value = used;
    method.hidden = byId('heat-method-label').hidden = methods.length < 2;
  }

  /** Show the picture that was searched by beside the result, where the method has looked at it. */
  function showAsked(answer) {
    const map = mapOn(answer, 'query');
    askedFrame.hidden = !map || answer.unrelated;
    if (askedFrame.hidden) return;
    const { image, upload } = context.state;
    askedPhoto.onload = () => {
      const ratio = askedPhoto.naturalWidth / askedPhoto.naturalHeight || 1;
      askedFrame.style.setProperty('--ratio', `${ratio}`);
      paintMap(askedHeat, map, answer.scale, ratio);
      if (!image) URL.revokeObjectURL(askedPhoto.src);
    };
    if (image) showPicture(askedPhoto, pictureAddress(image, context.collection, 'thumbnail'), abort.signal);
    else askedPhoto.src = URL.createObjectURL(uploadOf(upload));
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

  const fade = () => {
    for (const canvas of [heat, askedHeat]) canvas.style.opacity = `${Number(strength.value) / 100}`;
  };
  fade();
  strength.addEventListener('input', fade);
  method.addEventListener('change', () => {
    abort.abort();
    abort = new AbortController();
    ask(shown, abort.signal);
  });
  byId('stage-frame').addEventListener('pointermove', (event) => {
    if (!explained) return;
    const { left, top, width, height } = byId('stage-frame').getBoundingClientRect();
    const whole = mapOn(explained.answer, 'result');
    tintWords(placeAt(whole, (event.clientX - left) / width, (event.clientY - top) / height));
  });
  byId('stage-frame').addEventListener('pointerleave', () => explained && tintWords(null));
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
    if (event.target === strength || event.target === method) return;
    if (event.key === 'ArrowLeft') step(-1);
    if (event.key === 'ArrowRight') step(1);
  });

  return {
    open(result, asked) {
      context = asked;
      method.replaceChildren(); // the methods of another model
      show(result);
      if (!dialog.open) dialog.showModal();
      dialog.scrollTop = 0;
    },
    close: closeSilently,
    refresh,
  };
}

/** @returns {?object} the map of the whole query on one of the images */
const mapOn = ({ maps }, role) => maps.find(({ image, term }) => image === role && term === null);

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
