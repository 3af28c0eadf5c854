/** The signed words that steer a search: chips with a plus or a minus, and the box that adds them. */
import { byId, element } from './element.js';
import { parseModifiers } from './state.js';

/** @typedef {import('./state.js').Modifier} Modifier */

/**
 * @param {(modifiers: Modifier[]) => void} onChange called with the new list after every change by the visitor
 * @returns {{show: (modifiers: Modifier[]) => void, pending: () => Modifier[]}} `pending` takes what was typed but not
 *   yet entered
 */
export function connectChips(onChange) {
  const list = byId('chips');
  const box = /** @type {HTMLInputElement} */ (byId('modifier'));
  /** @type {Modifier[]} */
  let modifiers = [];

  function pending() {
    const added = parseModifiers(box.value);
    box.value = '';
    return added.filter((one) => !modifiers.some((other) => other.text === one.text && other.sign === one.sign));
  }

  /** The page shows the new list before `onChange` returns; the focus would be lost with the old chips. */
  function change(next, focusOn) {
    onChange(next);
    (focusOn === undefined ? box : (list.children[focusOn]?.querySelector('button') ?? box)).focus();
  }

  const remove = (index) => change(modifiers.toSpliced(index, 1), modifiers.length > 1 ? Math.max(0, index - 1) : undefined);

  function toggle(index) {
    const { text, sign } = modifiers[index];
    change(modifiers.with(index, { text, sign: sign === '+' ? '-' : '+' }), index);
  }

  function chip({ text, sign }, index) {
    const adds = sign === '+';
    return element(`li.chip.${adds ? 'plus' : 'minus'}`, {},
      element('button.sign', {
        type: 'button',
        title: adds ? 'Turn into minus' : 'Turn into plus',
        'aria-label': `${adds ? 'plus' : 'minus'} ${text}; press to turn into ${adds ? 'minus' : 'plus'}, Delete to remove`,
        onclick: () => toggle(index),
        onkeydown: (event) => ['Delete', 'Backspace'].includes(event.key) && remove(index),
      }, element('span', { 'aria-hidden': 'true' }, adds ? '+' : '−'), text),
      element('button.remove', { type: 'button', 'aria-label': `Remove ${text}`, onclick: () => remove(index) }, '×'));
  }

  /** @param {Modifier[]} next */
  function show(next) {
    modifiers = next;
    list.replaceChildren(...next.map(chip));
  }

  box.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') {
      event.preventDefault();
      const added = pending();
      if (added.length) change([...modifiers, ...added]);
    } else if (event.key === 'Backspace' && !box.value && modifiers.length) {
      event.preventDefault();
      list.lastElementChild.querySelector('button').focus();
    }
  });
  return { show, pending };
}
