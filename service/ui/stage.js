/** The pictures of an explanation and their maps: of the whole query, of one term, or of a word that is pointed at. */
import { byId, element } from './element.js';
import { clearMap, paintMap, placeAt } from './heatmap.js';
import { showSource } from './pictures.js';
import { signedText, termText } from './reasons.js';
import { hasPicture } from './state.js';

/** What is so many times less than the whole is painted faintly. */
const FAINTEST = 20;

/** @typedef {'result'|'query'} Role  the picture that was found, or the one that was searched by */

/**
 * @param {{onMethod: () => void, onPlace: (at: ?[number, number], role: Role) => void}} listeners  told that another method is
 *   chosen, and of the place of a picture that is pointed at
 */
export function connectStage({ onMethod, onPlace }) {
  const frames = { result: byId('stage-frame'), query: byId('asked-frame') };
  const canvases = {
    result: /** @type {HTMLCanvasElement} */ (byId('heat')), query: /** @type {HTMLCanvasElement} */ (byId('asked-heat')),
  };
  const askedPhoto = /** @type {HTMLImageElement} */ (byId('asked-photo'));
  const method = /** @type {HTMLSelectElement} */ (byId('heat-method'));
  const strength = /** @type {HTMLInputElement} */ (byId('heat-strength'));
  const ratios = { result: 1, query: 1 };
  /** @type {?import('./api.js').Explanation} */
  let answer = null;
  /** @type {?string} of the term whose map is shown; null for that of the whole query */
  let chosen = null;

  const setRatio = (role, ratio) => {
    ratios[role] = ratio || 1;
    frames[role].style.setProperty('--ratio', `${ratios[role]}`);
  };

  /**
   * @param {?{values: number[][], image: Role, scale: number}} [word] that is pointed at: its map, where it lies, and the
   *   value to paint at full strength
   */
  function paint(word = null) {
    const scale = word?.scale ?? scaleOf(chosen === null ? null : mapOn('result', chosen));
    for (const role of /** @type {Role[]} */ (['result', 'query'])) {
      const whole = mapOn(role, null);
      const map = word?.image === role && whole ? { ...whole, values: word.values } : mapOn(role, chosen) ?? ownMap(role);
      if (map && !answer.unrelated) paintMap(canvases[role], map, scale, ratios[role]);
      else clearMap(canvases[role]);
    }
    showLegend(scale);
  }

  /** A term may have little of the score: its map has a scale of its own, which the legend tells. */
  const scaleOf = (map) => (map ? Math.max(...map.values.flat().map(Math.abs), answer.scale / FAINTEST) : answer.scale);

  const mapOn = (role, term) => answer?.maps.find((map) => map.image === role && map.term === term);
  /** The map on the picture that was searched by is the picture's own term's. */
  const ownMap = (role) => (role === 'query' && chosen === 'image' ? mapOn(role, null) : undefined);

  function showTerms() {
    const terms = answer.maps.filter(({ image, term }) => image === 'result' && term !== null).map(({ term }) => term);
    if (!terms.includes(chosen)) chosen = null;
    byId('heat-terms').hidden = terms.length < 2 || answer.unrelated;
    const choice = (term, name) => element('label', { title: name },
      element('input', { type: 'radio', name: 'heat-term', checked: term === chosen, onchange: () => { chosen = term; paint(); } }),
      element('span', {}, name));
    byId('heat-terms').replaceChildren(byId('heat-terms').firstElementChild,
      choice(null, 'All of it'), ...terms.map((term) => choice(term, termText(term))));
  }

  function showLegend(scale) {
    byId('heat-legend').hidden = answer.unrelated || !answer.maps.length;
    byId('heat-least').textContent = signedText(-scale, 3);
    byId('heat-most').textContent = signedText(scale, 3);
  }

  function showMethods() {
    method.replaceChildren(...answer.methods.map((name) => element('option', { value: name }, name)));
    method.value = answer.method;
    method.hidden = byId('heat-method-label').hidden = answer.methods.length < 2 || !answer.maps.length;
    strength.hidden = byId('heat-strength-label').hidden = !answer.maps.length;
  }

  /** Show the picture that was searched by beside the one that was found. */
  function showAsked({ state, collection }, signal) {
    const asked = hasPicture(state);
    byId('asked-side').hidden = byId('stage-name').hidden = !asked;
    askedPhoto.removeAttribute('src');
    if (!asked) return;
    showSource(askedPhoto, { ...state, collection }, signal);
  }

  const fade = () => {
    for (const canvas of Object.values(canvases)) canvas.style.opacity = `${Number(strength.value) / 100}`;
  };
  fade();
  askedPhoto.addEventListener('load', () => {
    setRatio('query', askedPhoto.naturalWidth / askedPhoto.naturalHeight);
    if (answer) paint();
  });
  strength.addEventListener('input', fade);
  method.addEventListener('change', onMethod);
  for (const [role, frame] of Object.entries(frames)) {
    frame.addEventListener('pointermove', (event) => {
      const map = mapOn(role, null);
      if (!map) return;
      const { left, top, width, height } = frame.getBoundingClientRect();
      onPlace(placeAt(map, (event.clientX - left) / width, (event.clientY - top) / height), /** @type {Role} */ (role));
    });
    frame.addEventListener('pointerleave', () => onPlace(null, /** @type {Role} */ (role)));
  }

  return {
    /** @param {number} ratio of the picture that was found @param {Object} context as of the dialog */
    clear(ratio, context, signal) {
      answer = null;
      setRatio('result', ratio);
      for (const canvas of Object.values(canvases)) clearMap(canvas);
      byId('heat-legend').hidden = byId('heat-terms').hidden = true;
      showAsked(context, signal);
    },
    /** @param {import('./api.js').Explanation} explanation */
    show(explanation) {
      answer = explanation;
      showTerms();
      showMethods();
      paint();
    },
    point: (word) => answer && paint(word),
    forgetMethods: () => method.replaceChildren(),
    get method() {
      return method.value;
    },
    /** @param {EventTarget} target @returns {boolean} whether arrow keys are the control's own */
    takesArrows: (target) => target === strength || target === method || /** @type {HTMLInputElement} */ (target).type === 'radio',
  };
}
