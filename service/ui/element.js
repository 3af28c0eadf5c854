/** Builds DOM nodes. Text only ever enters as text nodes: nothing the service says is parsed as HTML. */

/**
 * @param {string} tag name, optionally with classes: `p.note`
 * @param {Object<string, *>} [properties] DOM properties; names with a dash become attributes, `on*` listeners;
 *   undefined and null are left out
 * @param {...(Node|string|null|undefined)} children
 * @returns {HTMLElement}
 */
export function element(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const node = document.createElement(name);
  node.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key.startsWith('--')) node.style.setProperty(key, value);
    else if (key.includes('-')) node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** @param {string} id @returns {HTMLElement} the page's element; its absence is a programming error */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`The page has no #${id}`);
  return node;
}
