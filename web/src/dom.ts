// SPDX-License-Identifier: MIT
//
// Elements by functions. Text only ever becomes a text node and an attribute's value only ever an
// attribute's value, so a file may be called what it likes. There is no way here to hand in markup.

export type Child = Node | string | number | null | undefined | false;
type Listener<E extends Event = Event> = (event: E) => void;
type Listeners = { [K in keyof HTMLElementEventMap]?: Listener<HTMLElementEventMap[K]> };

export interface Props {
  class?: string;
  on?: Listeners;
  data?: Record<string, string>;
  [attribute: string]:
    string | number | boolean | null | undefined | Listeners | Record<string, string>;
}

function applyProps(element: HTMLElement | SVGElement, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || name === 'on' || name === 'data') continue;
    if (typeof value === 'boolean') element.toggleAttribute(name, value);
    else element.setAttribute(name, String(value));
  }
  for (const [name, value] of Object.entries(props.data ?? {})) element.dataset[name] = value;
  for (const [name, listener] of Object.entries(props.on ?? {}))
    element.addEventListener(name, listener as Listener);
}

export function append(parent: Node, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  applyProps(element, props);
  append(element, children);
  return element;
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  applyProps(element, props);
  append(element, children);
  return element;
}

export function replace(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  append(parent, children);
}

// True while keys belong to a field that is written in.
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.matches('input:not([type=range]):not([type=checkbox]), textarea, select'))
  );
}
