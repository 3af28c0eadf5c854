/** Results without an end: the next ones are asked for before the present ones end, or by the button. */

/** How far below the window the end may be, before more is asked for. */
const AHEAD = '400px';

/**
 * @param {HTMLElement} button for the keyboard, and for browsers that cannot observe
 * @param {(pressed: boolean) => void} onEnd
 * @returns {{watch: () => void, rest: () => void}} `watch` asks once for more when the end is near, `rest` no longer
 */
export function connectEnd(button, onEnd) {
  const place = button.parentElement;
  button.addEventListener('click', () => onEnd(true));
  if (!('IntersectionObserver' in window)) return { watch() {}, rest() {} };
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    onEnd(false);
  }, { rootMargin: `0px 0px ${AHEAD}` });
  const rest = () => observer.disconnect();
  return {
    watch() {
      rest(); // an end that is near already is told again
      observer.observe(place);
    },
    rest,
  };
}
