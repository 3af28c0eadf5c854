/** What the page says in place of results. */
import { Problem } from './api.js';
import { byId, element } from './element.js';

/** What happened, in words, by status; -1 is a fault of the page, 0 no answer. */
const TITLES = {
  '-1': 'The page stumbled',
  0: 'No answer from the service',
  400: 'This picture cannot be read',
  401: 'This service asks for a key',
  404: 'This is not here any more',
  409: 'The index is of another model',
  413: 'This picture is too large',
  415: 'This is no picture that can be read',
  429: 'Too many searches at once',
  503: 'The service is busy or still starting',
};

/**
 * @param {string} title
 * @param {string} text
 * @param {{way?: {label: string, act: () => void}, at?: 'top'|'end'|'window'}} [options] a way out, and where one looks:
 *   above what is shown, where more of it would come, or in the window wherever it is
 */
export function showMessage(title, text, { way, at = 'top' } = {}) {
  const place = byId('message');
  if (at === 'end') byId('more').parentElement.before(place);
  else byId('list').before(place);
  place.classList.toggle('notice', at === 'window');
  place.replaceChildren(element('h2', {}, title), element('p', {}, text),
    ...(way ? [element('button', { type: 'button', onclick: way.act }, way.label)] : []));
  place.hidden = false;
}

export function hideMessage() {
  byId('message').hidden = true;
  byId('message').replaceChildren();
}

const STALE = 'urn:semblance:problem:stale-cursor';

/**
 * @param {Error} error
 * @param {{retry: () => void, anew: () => void, at: 'top'|'end'}} options `anew` starts from the first page
 */
export function showError(error, { retry, anew, at }) {
  if (error instanceof Problem && error.type === STALE) {
    const way = { label: 'Show the new one', act: anew };
    showMessage('This collection has been indexed again', 'What follows here is of the index before.', { way, at });
    return;
  }
  const status = error instanceof Problem ? error.status : -1;
  const title = TITLES[status] ?? (status >= 500 ? 'The service cannot answer' : 'This cannot be searched for');
  const canHelp = status <= 0 || status >= 500 || [401, 403, 408, 429].includes(status);
  showMessage(title, sentence(error.message), { way: canHelp ? { label: 'Try again', act: retry } : undefined, at });
}

/** The service's reasons are not all whole sentences. */
const sentence = (text) => text.replace(/^\p{Ll}/u, (letter) => letter.toUpperCase()).replace(/[^.!?…]$/u, '$&.');

/** @param {string[]} warnings of an answer */
export function showWarnings(warnings) {
  byId('warnings').replaceChildren(...warnings.map((warning) => element('li', {}, warning)));
}
