/** What the page says in place of results. */
import { Problem } from './api.js';
import { byId, element } from './element.js';

/** @param {string} title @param {string} text @param {?{label: string, act: () => void}} [way] out */
export function showMessage(title, text, way) {
  const place = byId('message');
  place.replaceChildren(element('h2', {}, title), element('p', {}, text),
    way ? element('button', { type: 'button', onclick: way.act }, way.label) : null);
  place.hidden = false;
}

export function hideMessage() {
  byId('message').hidden = true;
  byId('message').replaceChildren();
}

/** @param {Error} error @param {() => void} retry */
export function showError(error, retry) {
  const title = error instanceof Problem ? error.title : 'The page stumbled';
  showMessage(title, error.message, { label: 'Try again', act: retry });
}

/** @param {string[]} warnings of an answer */
export function showWarnings(warnings) {
  byId('warnings').replaceChildren(...warnings.map((warning) => element('li', {}, warning)));
}
