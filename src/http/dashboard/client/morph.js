/**
 * Makes what is on the page what it should be, changing no more than differs: focus, selection, scroll
 * positions and open details stay. Elements with `data-key` or an id are found again wherever they go;
 * what is in `data-keep` is the script's own.
 */

/** Attributes that the reader or a script changes, not the server. */
const OWN = new Set(["open", "data-at", "data-drawn"]);

/** @param {Element} box @param {string} html what shall be in it */
export function morph(box, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  children(box, template.content);
}

function keyOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return null;
  return node.dataset?.key ?? (node.id || null);
}

function children(box, wanted) {
  const keyed = new Map();
  for (const child of box.childNodes) {
    const key = keyOf(child);
    if (key !== null) keyed.set(key, child);
  }
  let at = box.firstChild;
  for (const want of [...wanted.childNodes]) {
    const key = keyOf(want);
    const have = key !== null
      ? keyed.get(key) ?? null
      : at !== null && keyOf(at) === null
      ? at
      : null;
    if (have === null || have.nodeName !== want.nodeName) {
      box.insertBefore(want, at);
      continue;
    }
    if (have === at) at = at.nextSibling;
    else box.insertBefore(have, at);
    update(have, want);
  }
  while (at !== null) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function update(have, want) {
  if (have.nodeType !== Node.ELEMENT_NODE) {
    if (have.data !== want.data) have.data = want.data;
    return;
  }
  const told = have.nodeName === "TIME" && have.dateTime === want.dateTime && want.dateTime !== "";
  for (const { name, value } of [...want.attributes]) {
    if (!OWN.has(name) && have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  for (const { name } of [...have.attributes]) {
    if (!OWN.has(name) && !want.hasAttribute(name) && !(told && name === "title")) {
      have.removeAttribute(name);
    }
  }
  // The script tells times in words; what a field holds is the reader's.
  if (told || "keep" in have.dataset || have === document.activeElement && "value" in have) return;
  children(have, want);
}
