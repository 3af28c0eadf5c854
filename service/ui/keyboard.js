/** Keys beyond Tab and Enter: `/` to write, arrows through the results. */

/**
 * @param {HTMLInputElement} query the search box
 * @param {HTMLElement} place of results, each an entry of a list with a `.photo` button
 */
export function connectKeys(query, place) {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const writing = event.target instanceof Element && event.target.matches('input:not([type=radio]), select, textarea');
    if (event.key === '/' && !writing && !document.querySelector('dialog[open]')) {
      event.preventDefault();
      query.focus();
      query.select();
    } else if (event.key === 'ArrowDown' && event.target === query) {
      focus(place.querySelector('button.photo'), event);
    } else if (place.contains(event.target)) {
      const buttons = [...place.querySelectorAll('button.photo')];
      const present = event.target.closest('li')?.querySelector('button.photo');
      if (present) focus(neighbour(buttons, present, event.key), event);
    }
  });
}

function focus(button, event) {
  if (!button) return;
  event.preventDefault();
  button.focus();
  button.scrollIntoView({ block: 'nearest' });
}

/** @returns {?HTMLElement} where the key leads from the present button, by place on the screen for up and down */
function neighbour(buttons, present, key) {
  const index = buttons.indexOf(present);
  if (key === 'ArrowRight') return buttons[index + 1];
  if (key === 'ArrowLeft') return buttons[index - 1];
  if (key === 'Home') return buttons[0];
  if (key === 'End') return buttons.at(-1);
  if (key !== 'ArrowDown' && key !== 'ArrowUp') return null;
  const here = present.getBoundingClientRect();
  const middle = (box) => box.left + box.width / 2;
  const beyond = buttons
    .map((button) => ({ button, box: button.getBoundingClientRect() }))
    .filter(({ box }) => (key === 'ArrowDown' ? box.top >= here.bottom : box.bottom <= here.top))
    .map(({ button, box }) => ({ button, rows: Math.abs(box.top - here.top), columns: Math.abs(middle(box) - middle(here)) }))
    .sort((a, b) => a.rows - b.rows || a.columns - b.columns);
  return beyond[0]?.button;
}
