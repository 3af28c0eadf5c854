/** Pictures from the visitor: dropped anywhere, pasted anywhere, or chosen. */
import { byId } from './element.js';

const LARGE_BYTES = 2_000_000;
const SHRUNK_SIDE = 1600;

/** @param {{onPicture: (picture: Blob) => void, onRefused: (message: string) => void}} listeners */
export function connectPictures({ onPicture, onRefused }) {
  const veil = byId('veil');
  const input = /** @type {HTMLInputElement} */ (byId('file'));

  async function take(files) {
    const file = [...files].find((one) => one.type.startsWith('image/') || !one.type);
    if (file) onPicture(await shrink(file));
    else if (files.length) onRefused(`“${files[0].name}” is not a picture.`);
  }

  byId('choose').addEventListener('click', () => input.click());
  input.addEventListener('change', async () => {
    await take(input.files);
    input.value = ''; // so that the same file can be chosen again
  });
  document.addEventListener('paste', (event) => take(event.clipboardData?.files ?? []));

  const carriesFiles = (event) => event.dataTransfer?.types.includes('Files');
  document.addEventListener('dragenter', (event) => { veil.hidden &&= !carriesFiles(event); });
  document.addEventListener('dragover', (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener('dragleave', (event) => { veil.hidden ||= event.relatedTarget === null; });
  document.addEventListener('drop', (event) => {
    veil.hidden = true;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
}

/**
 * Make a camera's picture small enough to travel: the model looks at a few hundred pixels a side.
 * @param {Blob} picture
 * @returns {Promise<Blob>} the picture itself where it is small, or where the browser cannot read it (the service may)
 */
async function shrink(picture) {
  if (picture.size <= LARGE_BYTES) return picture;
  try {
    const bitmap = await createImageBitmap(picture);
    const scale = Math.min(1, SHRUNK_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
    const context = canvas.getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 });
  } catch {
    return picture;
  }
}
