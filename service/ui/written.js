/** A caption that a model writes for the picture that was searched for, and where it looked; only when somebody asks. */
import { byId, element } from './element.js';
import { clearMap, paintMap } from './heatmap.js';

/**
 * @typedef {{text: string, model: string, region: number[], words: {word: string, attention: ?number[][]}[]}} Written
 * @typedef {(image: HTMLImageElement) => void} ShowPicture  shows the picture that the caption is of
 */

export function hideWritten() {
  byId('written').hidden = true;
  byId('written').replaceChildren();
}

/** @param {() => Promise<Written>} write @param {ShowPicture} showPicture */
export function offerWritten(write, showPicture) {
  const button = element('button', { type: 'button', onclick: () => show(button, write, showPicture) }, 'Write a caption');
  byId('written').replaceChildren(button);
  byId('written').hidden = false;
}

async function show(button, write, showPicture) {
  const place = byId('written');
  button.disabled = true;
  button.textContent = 'Writing …';
  try {
    const written = await write();
    if (button.isConnected) place.replaceChildren(...(written.words.every(({ attention }) => attention) ? looked(written, showPicture) : [sentence(written)]));
  } catch (error) {
    if (!button.isConnected || error.name === 'AbortError') return;
    place.replaceChildren(button, element('span.note', {}, ` ${error.message}`));
    button.disabled = false;
    button.textContent = 'Try again';
  }
}

const sentence = ({ text, model }) => element('p', {}, element('q', {}, text), element('span.note', {}, ` written by ${model}`));

/** The picture, and the words: pointing at one shows where the model looked for it. */
function looked({ words, model, region }, showPicture) {
  const image = /** @type {HTMLImageElement} */ (element('img', { alt: 'The picture that was searched by' }));
  const canvas = /** @type {HTMLCanvasElement} */ (element('canvas', { role: 'img', 'aria-label': 'Where the model looked for the word' }));
  const frame = element('div.stage-frame', {}, image, canvas);
  const ratio = () => image.naturalWidth / image.naturalHeight || 1;
  image.addEventListener('load', () => frame.style.setProperty('--ratio', `${ratio()}`), { once: true });
  showPicture(image);
  const buttons = words.map(({ word, attention }) => {
    const paint = () => paintMap(canvas, { values: attention, region }, Math.max(...attention.flat()), ratio());
    const button = element('button.word', { type: 'button' }, word);
    for (const event of ['pointerenter', 'focus', 'click']) button.addEventListener(event, paint);
    for (const event of ['pointerleave', 'blur']) button.addEventListener(event, () => clearMap(canvas));
    return button;
  });
  return [frame, element('q', {}, ...buttons.flatMap((button, i) => (i ? [' ', button] : [button]))),
    element('span.note', {}, ` written by ${model}. Point at a word to see where it looked.`)];
}
