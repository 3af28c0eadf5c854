/** Pictures that the visitor searched by: this tab keeps the last ones, so that Back and a reload find them again. */

const KEPT = 'semblance-picture-';
const ORDER = 'semblance-pictures';
const MOST = 4;

/** @type {Map<string, Blob>} */
const uploads = new Map();

/** @param {Blob} picture @returns {string} its name in addresses of this tab */
export function keepUpload(picture) {
  const name = Math.random().toString(36).slice(2, 10);
  uploads.set(name, picture);
  const reader = new FileReader();
  reader.addEventListener('load', () => store(name, /** @type {string} */ (reader.result)));
  reader.readAsDataURL(picture);
  return name;
}

/** @param {?string} name @returns {?Blob} */
export function uploadOf(name) {
  if (!name) return null;
  if (!uploads.has(name)) {
    const kept = sessionStorage.getItem(KEPT + name);
    if (!kept) return null;
    uploads.set(name, blobOf(kept));
  }
  return uploads.get(name);
}

/** Keep a picture beyond a reload; older ones make room, and one that is too large for the browser is not kept. */
function store(name, text) {
  const names = [...JSON.parse(sessionStorage.getItem(ORDER) ?? '[]'), name];
  while (names.length) {
    try {
      if (names.length <= MOST) {
        sessionStorage.setItem(KEPT + name, text);
        break;
      }
    } catch {
      // no room
    }
    sessionStorage.removeItem(KEPT + names.shift());
  }
  sessionStorage.setItem(ORDER, JSON.stringify(names));
}

/** @param {string} text a data URI @returns {Blob} */
function blobOf(text) {
  const [head, letters] = text.split(',');
  const bytes = Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: head.slice('data:'.length).split(';')[0] });
}
