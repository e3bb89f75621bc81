// Building the page without markup in strings: text stays text.

/** An element with attributes and children; null children are left out, strings become text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found;
}

/** Change an element's text and let it flash, unless it says this already. */
export function say(target, text, { flash = false } = {}) {
  if (target.textContent === text) return;
  const first = target.textContent === "";
  target.textContent = text;
  if (flash && !first) highlight(target);
}

export function highlight(target) {
  target.classList.remove("changed");
  requestAnimationFrame(() => target.classList.add("changed"));
}

/**
 * A list that is shown anew without losing what the reader opened or focused: items are kept by `key`, and made
 * again by `make` only when their content differs. Items that are new after the first showing flash.
 */
export class KeyedList {
  #parent;
  #make;
  #shown = new Map();
  #empty;
  #began = false;

  constructor(parent, make, empty = null) {
    this.#parent = parent;
    this.#make = make;
    this.#empty = empty;
  }

  show(items, key = (item) => item.id) {
    const next = new Map();
    for (const item of items) {
      const id = key(item);
      const content = JSON.stringify(item);
      const known = this.#shown.get(id);
      next.set(id, known && known.content === content ? known : this.#made(item, content, known));
    }
    this.#replace([...next.values()].map((entry) => entry.node));
    this.#shown = next;
    this.#began = true;
    if (this.#empty) this.#empty.hidden = items.length > 0;
  }

  #made(item, content, before) {
    const node = this.#make(item);
    const opened = before?.node.querySelector("details")?.open;
    const details = node.querySelector("details");
    if (opened && details) details.open = true;
    if (this.#began) highlight(node);
    return { node, content };
  }

  /** Move only what is out of place: an element that is moved loses the keyboard's focus. */
  #replace(nodes) {
    const wanted = new Set(nodes);
    for (const child of [...this.#parent.children]) if (!wanted.has(child)) child.remove();
    nodes.forEach((node, position) => {
      const there = this.#parent.children[position];
      if (there !== node) this.#parent.insertBefore(node, there ?? null);
    });
  }
}
