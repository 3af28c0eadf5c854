/** Asks the visitor for an API key where the service wants one. */
import { Problem, key, setKey } from './api.js';
import { byId } from './element.js';

/** The question in progress: requests that are refused together ask once. @type {?Promise<boolean>} */
let asking = null;

/**
 * Make a request; where it is refused for want of a key, ask for one and make it again.
 * @template T
 * @param {() => Promise<T>} request
 * @returns {Promise<T>}
 * @throws {Problem} the refusal, when the visitor gives no key
 */
export async function withKey(request) {
  for (;;) {
    const used = key();
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof Problem) || ![401, 403].includes(error.status)) throw error;
      if (used !== key()) continue; // another request has asked meanwhile
      asking ??= ask(used ? 'The key was not accepted.' : error.message).finally(() => { asking = null; });
      if (!(await asking)) throw error;
    }
  }
}

/** @param {string} detail @returns {Promise<boolean>} whether a key was given */
function ask(detail) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('key-dialog'));
  const input = /** @type {HTMLInputElement} */ (byId('key'));
  byId('key-detail').textContent = detail;
  input.value = '';
  dialog.showModal();
  return new Promise((resolve) => {
    const done = new AbortController();
    const { signal } = done;
    const finish = (given) => {
      done.abort();
      if (given) setKey(input.value.trim(), byId('key-remember').checked);
      dialog.close();
      resolve(given);
    };
    byId('key-form').addEventListener('submit', (event) => {
      event.preventDefault();
      finish(true);
    }, { signal });
    byId('key-cancel').addEventListener('click', () => finish(false), { signal });
    dialog.addEventListener('cancel', () => finish(false), { signal });
  });
}
