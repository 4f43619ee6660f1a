// SPDX-License-Identifier: MIT
//
// A set of categories while it is worked on: names, and prompts one a line. What is half typed is
// not an error, it only is not tried yet.
import type { Category } from '../api';

export interface DraftCategory {
  name: string;
  prompts: string; // one a line
}

export function toDraft(categories: readonly Category[]): DraftCategory[] {
  return categories.map(({ name, prompts }) => ({ name, prompts: prompts.join('\n') }));
}

export function linesOf(prompts: string): string[] {
  return prompts
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}

// Those that can be tried: with a name and at least one prompt.
export function complete(draft: readonly DraftCategory[]): Category[] {
  return draft
    .map(({ name, prompts }) => ({ name: name.trim(), prompts: linesOf(prompts) }))
    .filter(({ name, prompts }) => name !== '' && prompts.length > 0);
}

// Why the set cannot be saved, or null.
export function problem(setName: string, draft: readonly DraftCategory[]): string | null {
  if (!setName.trim()) return 'Give the set a name.';
  if (new TextEncoder().encode(setName.trim()).length > 64)
    return 'The name of a set may have 64 bytes.';
  const categories = complete(draft);
  if (categories.length === 0) return 'A set needs a category with a name and a prompt.';
  const unfinished = draft.find(
    ({ name, prompts }) => (name.trim() !== '') !== linesOf(prompts).length > 0,
  );
  if (unfinished)
    return unfinished.name.trim()
      ? `“${unfinished.name.trim()}” has no prompt.`
      : 'A category has no name.';
  const names = new Set<string>();
  for (const { name } of categories) {
    if (names.has(name)) return `“${name}” is there twice.`;
    names.add(name);
  }
  return null;
}

// The first six are those that the default set is known by; others go round the hues.
const palette = ['#8b5cf6', '#22c55e', '#f59e0b', '#ec4899', '#06b6d4', '#14b8a6'];

export function categoryColour(index: number): string {
  const known = palette[index];
  if (known) return known;
  const hue = (index * 137.508) % 360;
  return `hsl(${hue.toFixed(0)} 55% 58%)`;
}
