// Moves a computer to another place with the mouse, by its dot, and a group by its heading. The keyboard has Alt with the
// arrow keys, and the panels have buttons and choices for it, also for a finger.
//
// Always: a press that is not moved is no drag; a drag that ends outside of the places, or with Escape, changes nothing.

import { around } from '../parts/dom.js';

const BEGINS_PX = 5;
/** Near the upper or lower end of the list, in CSS pixels, it scrolls. */
const EDGE_PX = 36;
const SCROLL_PX = 10;
const MARKS = ['before', 'after'];

/**
 * @typedef {{line: HTMLElement, isAfter: boolean}} Target
 * @typedef {{what: HTMLElement, x: number, y: number, isMoving: boolean, target: Target | null}} Drag
 */

export class Dragging {
  #box;
  #scroller;
  #groups;
  /** @type {Drag | null} */
  #drag = null;

  /** @param {HTMLElement} box has the lines @param {HTMLElement} scroller @param {import('../changes/arranging.js').Arranging} groups */
  constructor(box, scroller, groups) {
    this.#box = box;
    this.#scroller = scroller;
    this.#groups = groups;
    box.addEventListener('pointerdown', (event) => this.#begin(event));
    box.addEventListener('pointermove', (event) => this.#move(event));
    box.addEventListener('pointerup', () => this.#end(true));
    box.addEventListener('pointercancel', () => this.#end(false));
    addEventListener('keydown', (event) => this.#pressed(event), true);
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    const row = around(around(event.target, '.dot'), '.row');
    const heading = around(event.target, '.more') ? null : around(event.target, '.group');
    const what = row ?? (heading && groupOf(heading) !== null ? heading : null);
    if (!what || event.pointerType !== 'mouse' || event.button !== 0) return;
    if (row) event.preventDefault(); // no selection of text
    this.#drag = { what, x: event.clientX, y: event.clientY, isMoving: false, target: null };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const drag = this.#drag;
    if (!drag) return;
    if (!drag.isMoving && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > BEGINS_PX) this.#take(drag, event);
    if (!drag.isMoving) return;
    [drag.x, drag.y] = [event.clientX, event.clientY];
    this.#aim(drag);
  }

  /** @param {Drag} drag @param {PointerEvent} event */
  #take(drag, event) {
    drag.isMoving = true;
    drag.what.classList.add('dragged');
    this.#box.setPointerCapture(event.pointerId);
    this.#scroll();
  }

  /** Scrolls as long as the pointer stays near an end of the list. */
  #scroll() {
    const drag = this.#drag;
    if (!drag?.isMoving) return;
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    const by = drag.y < top + EDGE_PX ? -SCROLL_PX : drag.y > bottom - EDGE_PX ? SCROLL_PX : 0;
    if (by) {
      this.#scroller.scrollTop += by;
      this.#aim(drag);
    }
    requestAnimationFrame(() => { if (this.#drag === drag) this.#scroll(); });
  }

  /** Marks the place where what is dragged would be put. @param {Drag} drag */
  #aim(drag) {
    const line = around(document.elementFromPoint(drag.x, drag.y), '.row, .group');
    drag.target?.line.classList.remove(...MARKS);
    drag.target = line && line !== drag.what && this.#box.contains(line) ? this.#targetOf(line, drag) : null;
    drag.target?.line.classList.add(drag.target.isAfter ? 'after' : 'before');
  }

  /** @param {HTMLElement} line @param {Drag} drag @returns {Target | null} */
  #targetOf(line, { what, y }) {
    if (sectionOf(line) === 'new') return null;
    const { top, height } = line.getBoundingClientRect();
    if (what.classList.contains('row')) return { line, isAfter: line.classList.contains('group') || y > top + height / 2 };
    /** @type {HTMLElement | null} */
    const heading = this.#box.querySelector(`.group[data-group="${sectionOf(line)}"]`);
    if (heading === null || heading === what) return null;
    const isBelow = Boolean(what.compareDocumentPosition(heading) & Node.DOCUMENT_POSITION_FOLLOWING);
    return { line: heading, isAfter: isBelow && groupOf(heading) !== null };
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key !== 'Escape' || !this.#drag?.isMoving) return;
    event.stopPropagation();
    event.preventDefault();
    this.#end(false);
  }

  /** @param {boolean} isWanted */
  #end(isWanted) {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag?.isMoving) return;
    drag.what.classList.remove('dragged');
    drag.target?.line.classList.remove(...MARKS);
    // The press on a heading's button was no click.
    const swallow = (/** @type {Event} */ event) => event.stopPropagation();
    addEventListener('click', swallow, { capture: true, once: true });
    setTimeout(() => removeEventListener('click', swallow, true));
    if (isWanted && drag.target) this.#drop(drag.what, drag.target);
  }

  /** @param {HTMLElement} what @param {Target} target */
  #drop(what, { line, isAfter }) {
    const group = groupOf(line);
    const [moved, id] = [groupOf(what), what.dataset.id];
    if (what.classList.contains('group')) {
      if (moved !== null) this.#groups.reorder(moved, { to: group });
    } else if (id === undefined) return;
    else if (line.classList.contains('group')) this.#groups.move(id, { to: group, before: this.#rowsOf(line)[0] ?? null });
    else {
      const rows = this.#rowsOf(line);
      const at = rows.indexOf(String(line.dataset.id)) + (isAfter ? 1 : 0);
      this.#groups.move(id, { to: group, before: rows.slice(at).find((one) => one !== id) ?? null });
    }
  }

  /** Returns the ids of the rows of a line's group, also of those in the next column. @param {HTMLElement} line */
  #rowsOf(line) {
    return [...this.#box.querySelectorAll(`.list[data-section="${sectionOf(line)}"] .row`)].map((row) => row.getAttribute('data-id') ?? '');
  }
}

/** Returns the section of a row or heading. @param {HTMLElement} line */
function sectionOf(line) {
  return line.dataset.group ?? around(line, '.list')?.dataset.section;
}

/** Returns the id of a line's group, or null if it has none. @param {HTMLElement} line */
function groupOf(line) {
  const id = Number(sectionOf(line));
  return Number.isInteger(id) ? id : null;
}
