/** A caption that a model writes for the picture that was searched for; only when somebody asks. */
import { byId, element } from './element.js';

/** @typedef {{text: string, model: string}} Written */

export function hideWritten() {
  byId('written').hidden = true;
  byId('written').replaceChildren();
}

/** @param {() => Promise<Written>} write */
export function offerWritten(write) {
  const button = element('button', { type: 'button', onclick: () => show(button, write) }, 'Write a caption');
  byId('written').replaceChildren(button);
  byId('written').hidden = false;
}

async function show(button, write) {
  const place = byId('written');
  button.disabled = true;
  button.textContent = 'Writing …';
  try {
    const { text, model } = await write();
    if (button.isConnected) place.replaceChildren(element('q', {}, text), element('span.note', {}, ` written by ${model}`));
  } catch (error) {
    if (!button.isConnected || error.name === 'AbortError') return;
    place.replaceChildren(button, element('span.note', {}, ` ${error.message}`));
    button.disabled = false;
    button.textContent = 'Try again';
  }
}
