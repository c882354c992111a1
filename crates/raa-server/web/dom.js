// Cheap changes of the page, as hundreds of rows make them several times a second.
// Always: nothing that is right already is touched, since even the same text again costs a layout.

export const byId = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function setHidden(element, isHidden) {
  if (element.hidden !== isHidden) element.hidden = isHidden;
}

export function setClass(element, name, isOn) {
  if (element.classList.contains(name) !== isOn) element.classList.toggle(name, isOn);
}

/** Returns the content of a template, and its parts by their data-part; texts are in the person's language. */
export function instance(id, text) {
  const content = document.importNode(byId(id).content, true);
  const element = content.children.length === 1 ? content.firstElementChild : content;
  label(element, text);
  return { element, parts: partsOf(element) };
}

/** Returns the elements with a data-part, by its value. */
export function partsOf(element) {
  return Object.fromEntries([...element.querySelectorAll('[data-part]')].map((part) => [part.dataset.part, part]));
}

/** Puts the person's language into elements with data-text and data-label. */
export function label(element, text) {
  for (const one of element.querySelectorAll('[data-text]')) one.textContent = text(one.dataset.text);
  for (const one of element.querySelectorAll('[data-label]')) {
    one.setAttribute('aria-label', text(one.dataset.label));
    if (one.localName === 'button') one.title = text(one.dataset.label);
  }
}

const SVG = 'http://www.w3.org/2000/svg';

/** Returns one of the icons of index.html. */
export function icon(name, className = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', `icon-shape ${className}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Returns an element with a class and content. */
export function make(tag, className = '', ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/** Makes a list contain exactly these elements in this order; moves as few as it can, since a moved one loses the focus. */
export function fill(list, elements) {
  const wanted = new Set(elements);
  for (const element of [...list.children]) if (!wanted.has(element)) element.remove();
  let next = list.firstElementChild;
  for (const element of elements) {
    // The element in the way is inserted again later.
    if (next && element === next.nextElementSibling) next.remove();
    else if (element !== next) list.insertBefore(element, next);
    next = element.nextElementSibling;
  }
}

/**
 * Passes the latest value on with the next animation frame, so that many messages make one change. A page that nobody
 * can see has no frames.
 * @param {(value: any) => void} take
 * @param {(run: () => void) => void} nextFrame as requestAnimationFrame
 */
export function oncePerFrame(take, nextFrame = (run) => requestAnimationFrame(run)) {
  let isWaiting = false;
  let latest;
  return (value) => {
    latest = value;
    if (isWaiting) return;
    isWaiting = true;
    nextFrame(() => {
      isWaiting = false;
      take(latest);
    });
  };
}
