/** What was found, page by page: results in their order, or the wall. */
import { byId } from './element.js';
import { showMessage, showWarnings } from './messages.js';
import { appendResults, showPlaceholders } from './results.js';
import { describe, hasSource } from './state.js';
import { appendToWall } from './wall.js';

/**
 * @typedef {import('./api.js').Result} Result
 * @typedef {import('./api.js').Answer} Answer
 * @typedef {{results: Result[], last: Answer}} Shown results of all pages so far, and the last page's answer
 */

/** @param {{onExplain: (result: Result) => void, onSimilar: (result: Result) => void}} listeners */
export function connectListing(listeners) {
  const list = byId('list');
  const wall = byId('wall');
  const more = byId('more');
  /** @type {?Shown} */
  let shown = null;

  function empty() {
    list.replaceChildren();
    wall.replaceChildren();
  }

  return {
    /** @returns {?Shown} */
    get shown() { return shown; },

    /** @returns {boolean} */
    get hasMore() { return shown !== null && !isLast(shown.last); },

    /** Take everything away. */
    clear() {
      shown = null;
      empty();
      more.hidden = true;
      byId('sort-label').hidden = true;
    },

    /** The old results stay, dimmed, until the new ones are there; of another view there is nothing to keep. */
    wait(isWall) {
      const keeps = shown && isWall === (wall.childElementCount > 0);
      shown = null;
      more.hidden = true;
      if (keeps) return;
      byId('sort-label').hidden = true;
      empty();
      showPlaceholders(list);
    },

    /**
     * @param {Answer} answer a page; the first one takes the place of what there is
     * @param {import('./state.js').State} state that it answers
     * @param {AbortSignal} signal
     * @returns {HTMLElement[]} its entries
     */
    append(answer, state, signal) {
      if (!shown) empty();
      const results = [...(shown?.results ?? []), ...answer.results];
      shown = { results, last: answer };
      more.hidden = isLast(answer);
      showWarnings(answer.warnings);
      byId('sort-label').hidden = hasSource(state) || answer.total < 2;
      if (!hasSource(state)) {
        say(wallText(answer, state, Boolean(results[0]?.metadata.taken_at)));
        return appendToWall(wall, answer.results, { signal, byMonth: state.sort === 'taken', ...listeners });
      }
      sayFound(results.length, answer, state);
      list.classList.toggle('quotes', state.target === 'text');
      return appendResults(list, answer.results, { target: state.target, signal, ...listeners });
    },

    /** @param {Result} result @param {number} step @returns {Result|undefined} */
    neighbour(result, step) {
      const index = shown ? shown.results.findIndex(({ id }) => id === result.id) : -1;
      return index < 0 ? undefined : shown.results[index + step];
    },
  };
}

const isLast = (answer) => answer.next === null && answer.next_cursor === null;

/** The order is chosen beside it; what cannot be told of it is that no image has a date. */
function wallText({ total }, { sort }, dated) {
  const count = `${total} image${total === 1 ? '' : 's'}`;
  return sort === 'taken' && total && !dated ? `${count}, none with a date: by name` : count;
}

function sayFound(number, answer, state) {
  const kind = state.target === 'text' ? 'caption' : 'image';
  if (number === 0) {
    say('');
    if (answer.warnings.length === 0) showMessage('Nothing found', `No ${kind} in “${answer.collection.name}” answers ${describe(state)}.`);
    return;
  }
  const count = `${number} ${kind}${number === 1 ? '' : 's'} for ${describe(state)}`;
  say(isLast(answer) ? count : `The best ${count}`, `${Math.ceil(answer.took_ms.total)} ms`);
}

/** @param {string} text for the status line @param {string} [timing] */
export function say(text, timing = '') {
  byId('status').textContent = text;
  byId('timing').textContent = timing;
}
