/** The form above the results: what it shows for a state, and what the visitor does with it. */
import { pictureAddress } from './api.js';
import { connectChips } from './chips.js';
import { byId, element } from './element.js';
import { showPicture } from './pictures.js';
import { uploadOf } from './state.js';

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

  /** Words not yet searched for come along with any other change. */
  function written() {
    const text = query.value.trim();
    return text ? { query: text, image: null, upload: null } : {};
  }
  const chips = connectChips((modifiers) => onChange({ ...written(), modifiers }));

  byId('search').addEventListener('submit', (event) => {
    event.preventDefault();
    const modifiers = [...state.modifiers, ...chips.pending()];
    if (!query.value.trim() && !state.image && !state.upload) query.focus();
    else onChange({ ...written(), modifiers });
    if (matchMedia('(pointer: coarse)').matches) query.blur(); // the keyboard would cover the results
  });
  byId('target').addEventListener('change', (event) => onChange({ ...written(), target: event.target.value }));
  collection.addEventListener('change', () => onChange({ ...written(), collection: collection.value, image: null }));
  byId('query-image-remove').addEventListener('click', () => {
    onChange({ image: null, upload: null });
    query.focus();
  });

  function showQueryImage() {
    const upload = uploadOf(state.upload);
    byId('query-image').hidden = !upload && !state.image;
    query.placeholder = upload || state.image ? 'Or describe another' : 'Describe a picture';
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
      showQueryImage();
    },
    offer(collections) {
      collection.replaceChildren(...collections.map(({ name }) => element('option', { value: name }, name)));
      byId('collection-label').hidden = collections.length < 2;
    },
  };
}
