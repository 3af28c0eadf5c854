/** The form above the results: what it shows for a state, and what the visitor does with it. */
import { pictureAddress } from './api.js';
import { connectChips } from './chips.js';
import { byId, element } from './element.js';
import { showPicture } from './pictures.js';
import { parseModifiers } from './state.js';
import { uploadOf } from './uploads.js';

/** @typedef {import('./state.js').State} State */

/**
 * @param {(change: Partial<State>) => void} onChange what the visitor asks for now
 * @returns {{show: (state: State) => void, offer: (collections: {name: string}[]) => void}}
 */
export function connectControls(onChange) {
  const query = /** @type {HTMLInputElement} */ (byId('query'));
  const collection = /** @type {HTMLSelectElement} */ (byId('collection'));
  const picture = /** @type {HTMLImageElement} */ (byId('query-image-picture'));
  /** @type {State} */
  let state;

  picture.addEventListener('error', () => picture.classList.add('missing')); // a file that no browser can draw
  picture.addEventListener('load', () => picture.classList.remove('missing'));

  /** Words not yet searched for come along with any other change; beside a picture they steer it. */
  function written(modifiers = state.modifiers) {
    const text = query.value.trim();
    if (!text) return { query: '', modifiers };
    if (state.image || state.upload) return { query: '', modifiers: [...modifiers, ...parseModifiers(text)] };
    return { query: text, modifiers };
  }
  const chips = connectChips((modifiers) => onChange(written(modifiers)));

  byId('search').addEventListener('submit', (event) => {
    event.preventDefault();
    const modifiers = [...state.modifiers, ...chips.pending()];
    if (!query.value.trim() && !state.image && !state.upload && !modifiers.length) query.focus();
    else onChange(written(modifiers));
    if (matchMedia('(pointer: coarse)').matches) query.blur(); // the keyboard would cover the results
  });
  byId('target').addEventListener('change', (event) => onChange({ ...written(), target: event.target.value }));
  collection.addEventListener('change', () => onChange({ ...written(), collection: collection.value, image: null }));
  byId('sort').addEventListener('change', (event) => onChange({ sort: event.target.value }));
  byId('query-image-remove').addEventListener('click', () => {
    onChange({ image: null, upload: null });
    query.focus();
  });

  function showQueryImage() {
    const upload = uploadOf(state.upload);
    byId('query-image').hidden = !upload && !state.image;
    query.placeholder = upload || state.image ? 'Steer it: +snow −people' : 'Describe a picture';
    if (picture.src.startsWith('blob:')) URL.revokeObjectURL(picture.src);
    if (upload) picture.src = URL.createObjectURL(upload);
    else if (state.image) showPicture(picture, pictureAddress(state.image, state.collection, 'thumbnail'));
    else picture.removeAttribute('src');
    byId('query-image-name').textContent = upload ? 'your picture' : 'this picture';
  }

  return {
    show(next) {
      state = next;
      query.value = state.query;
      chips.show(state.modifiers);
      byId('target').querySelector(`[value=${state.target}]`).checked = true;
      if (state.collection) collection.value = state.collection;
      byId('sort').value = state.sort;
      showQueryImage();
    },
    offer(collections) {
      collection.replaceChildren(...collections.map(({ name }) => element('option', { value: name }, name)));
      byId('collection-label').hidden = collections.length < 2;
    },
  };
}
