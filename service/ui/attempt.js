/** Requests: the page shows that one runs, and a busy service is asked again. */
import { byId } from './element.js';
import { say } from './listing.js';

/** How often and after how long a busy service is asked again. */
const BUSY_RETRIES = 20;
const BUSY_MS = 1000;

/**
 * Run a request. One that a newer request has aborted says nothing.
 * @param {() => Promise<void>} request
 * @param {{signal: AbortSignal, whole: boolean, fail: (error: Error) => void}} options `whole` is whether what is shown
 *   is about to go
 */
export async function attempt(request, { signal, whole, fail }) {
  busy(true, whole);
  for (let left = BUSY_RETRIES; ; left -= 1) {
    try {
      await request();
      break;
    } catch (error) {
      if (signal.aborted) return;
      if (!left || ![429, 503].includes(error.status)) {
        fail(error);
        break;
      }
      say('The service is busy: trying again…');
      await new Promise((resolve) => setTimeout(resolve, BUSY_MS));
      if (signal.aborted) return;
    }
  }
  if (!signal.aborted) busy(false);
}

/** @param {boolean} is @param {boolean} [whole] */
export function busy(is, whole = is) {
  byId('results').setAttribute('aria-busy', `${is}`);
  document.body.classList.toggle('busy', whole);
}
