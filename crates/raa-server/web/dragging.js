// @ts-nocheck
// Moves a computer to another place with the mouse, by its dot, and a group by its heading. The keyboard has Alt with the
// arrow keys, and the panels have buttons and choices for it, also for a finger.
//
// Always: a press that is not moved is no drag; a drag that ends outside of the places, or with Escape, changes nothing.

const BEGINS_PX = 5;
/** Near the upper or lower end of the list, in CSS pixels, it scrolls. */
const EDGE_PX = 36;
const SCROLL_PX = 10;
const MARKS = ['before', 'after'];

export class Dragging {
  #box;
  #scroller;
  #groups;
  #drag = null; // { what, x, y, isMoving, target: { line, isAfter } | null }

  /** @param {HTMLElement} box has the lines @param {HTMLElement} scroller @param {import('./arranging.js').Arranging} groups */
  constructor(box, scroller, groups) {
    [this.#box, this.#scroller, this.#groups] = [box, scroller, groups];
    box.addEventListener('pointerdown', (event) => this.#begin(event));
    box.addEventListener('pointermove', (event) => this.#move(event));
    box.addEventListener('pointerup', () => this.#end(true));
    box.addEventListener('pointercancel', () => this.#end(false));
    addEventListener('keydown', (event) => this.#pressed(event), true);
  }

  #begin(event) {
    const row = event.target.closest('.dot')?.closest('.row');
    const heading = event.target.closest('.more') ? null : event.target.closest('.group');
    const what = row ?? (heading && groupOf(heading) !== null ? heading : null);
    if (!what || event.pointerType !== 'mouse' || event.button !== 0) return;
    if (row) event.preventDefault(); // no selection of text
    this.#drag = { what, x: event.clientX, y: event.clientY, isMoving: false, target: null };
  }

  #move(event) {
    const drag = this.#drag;
    if (!drag) return;
    if (!drag.isMoving && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > BEGINS_PX) this.#take(event);
    if (!drag.isMoving) return;
    [drag.x, drag.y] = [event.clientX, event.clientY];
    this.#aim();
  }

  #take(event) {
    this.#drag.isMoving = true;
    this.#drag.what.classList.add('dragged');
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
      this.#aim();
    }
    requestAnimationFrame(() => { if (this.#drag === drag) this.#scroll(); });
  }

  /** Marks the place where what is dragged would be put. */
  #aim() {
    const drag = this.#drag;
    const line = document.elementFromPoint(drag.x, drag.y)?.closest('.row, .group') ?? null;
    drag.target?.line.classList.remove(...MARKS);
    drag.target = line && line !== drag.what && this.#box.contains(line) ? this.#targetOf(line, drag) : null;
    drag.target?.line.classList.add(drag.target.isAfter ? 'after' : 'before');
  }

  #targetOf(line, { what, y }) {
    if (sectionOf(line) === 'new') return null;
    const { top, height } = line.getBoundingClientRect();
    if (what.classList.contains('row')) return { line, isAfter: line.classList.contains('group') || y > top + height / 2 };
    const heading = this.#box.querySelector(`.group[data-group="${sectionOf(line)}"]`);
    const isBelow = Boolean(what.compareDocumentPosition(heading) & Node.DOCUMENT_POSITION_FOLLOWING);
    return heading === what ? null : { line: heading, isAfter: isBelow && groupOf(heading) !== null };
  }

  #pressed(event) {
    if (event.key !== 'Escape' || !this.#drag?.isMoving) return;
    event.stopPropagation();
    event.preventDefault();
    this.#end(false);
  }

  #end(isWanted) {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag?.isMoving) return;
    drag.what.classList.remove('dragged');
    drag.target?.line.classList.remove(...MARKS);
    // The press on a heading's button was no click.
    const swallow = (event) => event.stopPropagation();
    addEventListener('click', swallow, { capture: true, once: true });
    setTimeout(() => removeEventListener('click', swallow, true));
    if (isWanted && drag.target) this.#drop(drag.what, drag.target);
  }

  #drop(what, { line, isAfter }) {
    const group = groupOf(line);
    if (what.classList.contains('group')) this.#groups.reorder(groupOf(what), { to: group });
    else if (line.classList.contains('group')) this.#groups.move(what.dataset.id, { to: group, before: this.#rowsOf(line)[0] ?? null });
    else {
      const rows = this.#rowsOf(line);
      const at = rows.indexOf(line.dataset.id) + (isAfter ? 1 : 0);
      this.#groups.move(what.dataset.id, { to: group, before: rows.slice(at).find((id) => id !== what.dataset.id) ?? null });
    }
  }

  /** Returns the ids of the rows of a line's group, also of those in the next column. */
  #rowsOf(line) {
    return [...this.#box.querySelectorAll(`.list[data-section="${sectionOf(line)}"] .row`)].map((row) => row.dataset.id);
  }
}

/** Returns the section of a row or heading. */
function sectionOf(line) {
  return line.dataset.group ?? line.closest('.list').dataset.section;
}

/** Returns the id of a line's group, or null if it has none. */
function groupOf(line) {
  const id = Number(sectionOf(line));
  return Number.isInteger(id) ? id : null;
}
